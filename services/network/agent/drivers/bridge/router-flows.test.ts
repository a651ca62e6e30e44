import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WiredRouter } from '../../protocol.ts'
import { aRouter, newId, newMac } from '../../test-bed.ts'
import { staleFlows } from './router-flows.ts'

const flow = (source: string, destination: string, replySource: string, replyDestination: string): string =>
  `tcp      6 431999 ESTABLISHED src=${source} dst=${destination} sport=4000 dport=80 src=${replySource} dst=${replyDestination} sport=80 dport=4000 [ASSURED] mark=0 use=1`

const floatingIps = [{ id: newId(), floatingIp: '172.24.4.9', fixedIp: '10.0.0.9' }]
const fixedIps = [{ subnetId: newId(), ipAddress: '172.24.4.2' }]
const gateway = { portId: newId(), networkId: newId(), macAddress: newMac(), fixedIps, enableSnat: true }
const router = (parts: Partial<WiredRouter> = {}): WiredRouter => aRouter({ gateway, floatingIps, ...parts })

const CASES = [
  {
    name: 'untranslated',
    line: flow('10.0.0.9', '10.1.0.9', '10.1.0.9', '10.0.0.9'),
    routers: [router(), aRouter()],
    stale: [],
  },
  {
    name: 'led in',
    line: flow('192.0.2.1', '172.24.4.9', '10.0.0.9', '192.0.2.1'),
    routers: [router({ floatingIps: [] }), router({ floatingIps: [{ ...floatingIps[0]!, fixedIp: '10.0.0.8' }] })],
    stale: [['-d', '172.24.4.9', '-r', '10.0.0.9']],
  },
  {
    name: 'led in still',
    line: flow('192.0.2.1', '172.24.4.9', '10.0.0.9', '192.0.2.1'),
    routers: [router(), router({ gateway: { ...gateway, enableSnat: false } })],
    stale: [],
  },
  {
    name: 'that began before its destination was a floating address',
    line: flow('192.0.2.1', '172.24.4.9', '172.24.4.9', '192.0.2.1'),
    routers: [router()],
    stale: [['-d', '172.24.4.9', '-r', '172.24.4.9']],
  },
  {
    name: 'out under a floating address',
    line: flow('10.0.0.9', '192.0.2.1', '192.0.2.1', '172.24.4.9'),
    routers: [router({ floatingIps: [] }), aRouter()],
    stale: [['-s', '10.0.0.9', '-q', '172.24.4.9']],
  },
  {
    name: "out under the gateway's address",
    line: flow('10.0.0.7', '192.0.2.1', '192.0.2.1', '172.24.4.2'),
    routers: [router({ gateway: { ...gateway, enableSnat: false } }), aRouter({ floatingIps })],
    stale: [['-s', '10.0.0.7', '-q', '172.24.4.2']],
  },
  {
    name: "out under the gateway's address, though there is a floating one now",
    line: flow('10.0.0.9', '192.0.2.1', '192.0.2.1', '172.24.4.2'),
    routers: [router()],
    stale: [],
  },
  {
    name: 'turned back inside',
    line: flow('10.0.0.7', '172.24.4.9', '10.0.0.9', '172.24.4.2'),
    routers: [router(), router({ gateway: { ...gateway, enableSnat: false } })],
    stale: [],
  },
]

for (const { name, line, routers, stale } of CASES)
  test(`a flow ${name}: ${stale.length === 0 ? 'goes on' : 'ends'}`, () => {
    for (const one of routers) assert.deepEqual(staleFlows(`${line}\n${line}\n`, one), stale)
  })
