// A server's screen, keyboard and mouse, by noVNC.
import RFB from './novnc/core/rfb.js'
import { consoleAddress, REFUSED, say } from './token.js'

const button = document.querySelector('#ctrl-alt-del')
const socket = new WebSocket(consoleAddress('vnc'), 'binary')
let wasOpen = false
let reason = ''

// Before noVNC listens, so that the reason is known when it says that it is disconnected.
socket.addEventListener('close', (event) => {
  reason = event.reason
})

const screen = new RFB(document.querySelector('#screen'), socket, { shared: true })
screen.scaleViewport = true
screen.focusOnClick = true
screen.addEventListener('connect', () => {
  wasOpen = true
  button.disabled = false
  screen.focus()
  say('connected')
})
screen.addEventListener('disconnect', () => {
  button.disabled = true
  say(wasOpen ? `disconnected: ${reason || 'connection lost'}` : REFUSED)
})
button.addEventListener('click', () => {
  screen.sendCtrlAltDel()
  screen.focus()
})
