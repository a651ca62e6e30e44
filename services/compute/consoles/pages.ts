// The pages of consoles, and the scripts that they load: a fixed list of files, ours and of two libraries.
import { glob, readFile } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Api } from '@kilonova/api/server'

const PAGES = join(import.meta.dirname, 'pages')

/** A terminal's and a screen's; xterm makes its own style elements. */
const STYLES = { serial: "'self' 'unsafe-inline'", vnc: "'self'" }

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
}

/** What the page's address says (a token) goes nowhere else, and nothing but ours runs in it. */
function headersOf(page: keyof typeof STYLES): Record<string, string> {
  const rules = {
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': STYLES[page],
    'img-src': "'self' data: blob:",
    'connect-src': "'self'",
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'self'",
  }
  const policy = Object.entries(rules).map(([name, value]) => `${name} ${value}`)
  return {
    'content-security-policy': policy.join('; '),
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  }
}

export function mountPages({ fastify }: Api): void {
  for (const page of ['serial', 'vnc'] as const) {
    fastify.get(`/console/${page}.html`, async (_request, reply) => {
      const file = join(PAGES, `${page}.html`)
      return reply
        .headers(headersOf(page))
        .headers(typed(file))
        .send(await readFile(file))
    })
  }
  let files: Promise<Map<string, string>> | undefined
  fastify.get<{ Params: { '*': string } }>('/console/assets/*', async (request, reply) => {
    files ??= assets()
    const file = (await files).get(request.params['*'])
    if (file === undefined) return reply.callNotFound()
    return reply
      .header('cache-control', 'max-age=600')
      .headers(typed(file))
      .send(await readFile(file))
  })
}

function typed(file: string): Record<string, string> {
  return { 'content-type': TYPES[extname(file)]!, 'x-content-type-options': 'nosniff' }
}

/** Each file by its path under /console/assets/. */
async function assets(): Promise<Map<string, string>> {
  const own = ['console.css', 'serial.js', 'token.js', 'vnc.js'].map((name) => [name, join(PAGES, name)] as const)
  const xterm = dirname(dirname(fileURLToPath(import.meta.resolve('@xterm/xterm'))))
  const novnc = dirname(dirname(fileURLToPath(import.meta.resolve('@novnc/novnc'))))
  const scripts = await Array.fromAsync(glob('{core,vendor}/**/*.js', { cwd: novnc }))
  return new Map([
    ...own,
    ['xterm/xterm.mjs', join(xterm, 'lib', 'xterm.mjs')],
    ['xterm/xterm.css', join(xterm, 'css', 'xterm.css')],
    ...scripts.map((script) => [`novnc/${script}`, join(novnc, script)] as const),
  ])
}
