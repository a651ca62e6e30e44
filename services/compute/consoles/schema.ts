// Bodies and replies of consoles; each value knows its versions.
import { oneOf } from '@kilonova/api/fields'
import { Type } from '@kilonova/api/type'
import { closed, closedSince, since } from '@kilonova/api/versions'

const PROTOCOLS = ['vnc', 'spice', 'serial', 'rdp'] as const
const TYPES = ['novnc', 'xvpvnc', 'spice-html5', 'serial', 'rdp-html5'] as const

export const CreateConsole = Type.Object(
  {
    remote_console: Type.Object(
      {
        protocol: Type.Union([oneOf(PROTOCOLS), oneOf(['mks'], since('2.8'))]),
        type: Type.Union([oneOf(TYPES), oneOf(['webmks'], since('2.8')), oneOf(['spice-direct'], since('2.99'))]),
      },
      closed,
    ),
  },
  closed,
)

const typed = <const T extends readonly string[]>(types: T) => Type.Object({ type: oneOf(types) }, closed)

export const GetVncConsole = Type.Object({ 'os-getVNCConsole': typed(['novnc', 'xvpvnc']) }, closed)
export const GetSpiceConsole = Type.Object({ 'os-getSPICEConsole': typed(['spice-html5']) }, closed)
export const GetSerialConsole = Type.Object({ 'os-getSerialConsole': typed(['serial']) }, closed)

export const ShowTokenQuery = Type.Object({}, closedSince('2.99'))
export const ShownToken = Type.Object({ console: Type.Object({ tls_port: Type.Unknown(since('2.99')) }) })
