// Nova's versioned objects as versioned notifications carry them.

export interface NovaObject {
  'nova_object.name': string
  'nova_object.namespace': 'nova'
  'nova_object.version': string
  'nova_object.data': Record<string, unknown>
}

export function novaObject(name: string, version: string, data: Record<string, unknown>): NovaObject {
  return {
    'nova_object.name': name,
    'nova_object.namespace': 'nova',
    'nova_object.version': version,
    'nova_object.data': data,
  }
}
