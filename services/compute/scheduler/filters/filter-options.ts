// The options that filters read; they are among compute's.
export interface FilterOptions {
  max_io_ops_per_host: number
  max_instances_per_host: number
  isolated_images: readonly string[]
  isolated_hosts: readonly string[]
  restrict_isolated_hosts_to_isolated_images: boolean
  aggregate_image_properties_isolation_namespace: string
  aggregate_image_properties_isolation_separator: string
}
