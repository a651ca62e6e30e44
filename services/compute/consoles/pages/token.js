// The token in the page's address: read, and taken out of it, so that it stands in no history and no bookmark.

/** As `?token=…`, or as noVNC's pages have it: `?path=…?token=…`. */
function takeToken() {
  const query = new URLSearchParams(location.search)
  const path = query.get('path') ?? ''
  history.replaceState(null, '', location.pathname)
  return query.get('token') ?? new URLSearchParams(path.split('?')[1]).get('token') ?? ''
}

/** The address of the WebSocket: always beside this page, whatever the page's own address says. */
export function consoleAddress(kind) {
  const address = new URL(kind, location.href)
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:'
  address.search = new URLSearchParams({ token: takeToken() })
  return address.href
}

/** Says how things stand; never as HTML. */
export function say(text) {
  document.querySelector('#state').textContent = text
}

export const REFUSED = 'not connected: each link works once, for a few minutes. Ask for a new one.'
