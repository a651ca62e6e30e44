/** The name of the server's domain; also what hypervisors list it as. */
export function instanceName(number: number): string {
  return `instance-${number.toString(16).padStart(8, '0')}`
}
