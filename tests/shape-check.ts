// Holds a versioned payload against the shapes of Nova's samples.
import { shapes } from './notification-shapes.ts'

/** Null in Nova's definitions though no sample shows it. */
const MAY_BE_NULL = [
  ...['trusted_image_certificates', 'image_uuid', 'key_name', 'display_description', 'old_state', 'state'],
  ...['action_initiator_user', 'action_initiator_project', 'request_spec', 'rescue_image_ref', 'snapshot_image_id'],
]

interface Object {
  'nova_object.name': string
  'nova_object.namespace': string
  'nova_object.version': string
  'nova_object.data': Record<string, unknown>
}

/** One sentence for each way in which the object is not as the samples show objects of its name. */
export function shapeProblems(object: Object): string[] {
  const { 'nova_object.name': name, 'nova_object.version': version, 'nova_object.data': data } = object
  const shape = shapes[name]
  if (!shape) return [`${name} is no object of the samples`]
  const types = new Map(shape.fields.split(' ').map((field) => field.split(':') as [string, string]))
  const [missing, unknown] = [
    [...types.keys()].filter((field) => !(field in data)),
    Object.keys(data).filter((field) => !types.has(field)),
  ]
  return [
    ...(object['nova_object.namespace'] === 'nova' ? [] : [`${name} is in no namespace nova`]),
    ...(version === shape.version ? [] : [`${name} is of version ${version}, not ${shape.version}`]),
    ...missing.map((field) => `${name} lacks ${field}`),
    ...unknown.map((field) => `${name} has ${field}, which no sample has`),
    ...Object.entries(data).flatMap(([field, value]) =>
      types.has(field) ? fieldProblems(`${name}.${field}`, value, types.get(field)!) : [],
    ),
  ]
}

function fieldProblems(path: string, value: unknown, types: string): string[] {
  const field = path.split('.')[1]!
  if (value === null && MAY_BE_NULL.includes(field)) return []
  if (types === 'null') return Array.isArray(value) ? [`${path} is a list`] : [] // seen with no value: any will do
  const wanted = types.split('|')
  if (isObject(value)) {
    const name = value['nova_object.name']
    return wanted.includes(name) ? shapeProblems(value) : [`${path} is a ${name}, not ${types}`]
  }
  if (Array.isArray(value)) return listProblems(path, value, wanted)
  const type = typeOf(value)
  const fits = wanted.includes(type) || (type === 'integer' && wanted.includes('number'))
  return fits ? [] : [`${path} is ${JSON.stringify(value)}, not ${types}`]
}

function listProblems(path: string, value: unknown[], wanted: readonly string[]): string[] {
  const list = wanted.find((type) => type.startsWith('['))
  if (list === undefined) return [`${path} is a list, not ${wanted.join('|')}`]
  const items = list.slice(1, -1)
  return items === '' ? [] : value.flatMap((item) => fieldProblems(path, item, items))
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value === 'object' ? 'dict' : typeof value
}

const isObject = (value: unknown): value is Object =>
  typeof value === 'object' && value !== null && 'nova_object.name' in value
