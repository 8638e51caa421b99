// Loaded into the client by NODE_OPTIONS: writes down every address it connects to, and changes nothing.
const fs = require('node:fs')
const net = require('node:net')

const connect = net.Socket.prototype.connect

net.Socket.prototype.connect = function (...given) {
  const options = Array.isArray(given[0]) ? given[0][0] : given[0]
  const where = typeof options === 'object' ? options.path || `${options.host || 'localhost'}:${options.port}` : given.join(':')
  fs.appendFileSync(process.env.CELADON_TEST_ADDRESSES, `${where}\n`)
  return connect.apply(this, given)
}
