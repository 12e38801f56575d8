// Follows an event stream as a browser does, prints each event as a line, and ends when the host says that it is over.
import { EventSource } from 'eventsource'

let connections = 0
const source = new EventSource(process.argv[2], {
  fetch: (url, init) => { connections++; return fetch(url, init) },
})
const print = (event) => console.log(JSON.stringify({ name: event.type, id: event.lastEventId, data: event.data }))
for (const name of ['state', 'progress', 'log', 'message']) {
  source.addEventListener(name, print)
}
source.addEventListener('error', () => {
  if (source.readyState === source.CLOSED) {
    console.log(JSON.stringify({ name: 'closed', connections }))
  }
})
