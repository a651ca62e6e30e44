// Processes that die at their work on disks in files and on whole devices. A whole device is never copied.
import { diskDeaths } from './disk-deaths-contract.ts'

diskDeaths('raw', ['create', 'copy', 'remove', 'delete'])
diskDeaths('qcow2', ['create', 'copy', 'extract', 'delete'])
diskDeaths('isolated', ['create', 'extract', 'delete'])
