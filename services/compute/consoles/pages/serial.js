// A terminal on a serial console: what the guest writes is drawn by xterm, what is typed is sent.
import { consoleAddress, REFUSED, say } from './token.js'
import { Terminal } from './xterm/xterm.mjs'

// Links that a guest writes open nothing.
const terminal = new Terminal({ cursorBlink: true, scrollback: 5000, linkHandler: { activate() {} } })
const socket = new WebSocket(consoleAddress('serial'), 'binary')
const encoder = new TextEncoder()
let wasOpen = false

function send(bytes) {
  if (socket.readyState === WebSocket.OPEN) socket.send(bytes)
}

terminal.open(document.querySelector('#terminal'))
terminal.focus()
terminal.onData((text) => send(encoder.encode(text)))
terminal.onBinary((text) => send(Uint8Array.from(text, (char) => char.charCodeAt(0))))

socket.binaryType = 'arraybuffer'
socket.addEventListener('open', () => {
  wasOpen = true
  say('connected; press Enter if nothing shows')
})
socket.addEventListener('message', ({ data }) => terminal.write(new Uint8Array(data)))
socket.addEventListener('close', ({ reason }) =>
  say(wasOpen ? `disconnected: ${reason || 'connection lost'}` : REFUSED),
)
