// Processes that die at their work on disks in logical volumes.
import { diskDeaths } from './disk-deaths-contract.ts'

diskDeaths('lvm', ['create', 'copy', 'delete'])
diskDeaths('lvm_qcow2', ['create', 'copy', 'delete'])
