// A plugin of the Event Gateway that is a program of its own. It refuses events whose type begins with the value of
// GUARD_PREFIX, and writes failed calls of functions to the gateway's log.
'use strict'

const path = require('node:path')
const grpc = require('@grpc/grpc-js')
const { loadSync } = require('@grpc/proto-loader')

const proto = process.env.PLUGIN_PROTO || path.join(__dirname, '..', '..', 'proto', 'plugin.proto')
const { Plugin } = grpc.loadPackageDefinition(loadSync(proto)).eventgateway.plugin.v1

const prefix = process.env.GUARD_PREFIX

// What is written to standard error comes out in the gateway's log; a line of JSON at its level.
const log = (level, message, fields) => console.error(JSON.stringify({ level, msg: message, ...fields }))

function subscriptions(call, callback) {
  callback(null, {
    subscriptions: [
      { event: 'gateway.event.received', type: 'SUBSCRIPTION_TYPE_SYNC' },
      { event: 'gateway.function.invocationFailed', type: 'SUBSCRIPTION_TYPE_ASYNC' },
    ],
  })
}

function react(call, callback) {
  const { type, data } = call.request.event
  let about
  try {
    about = JSON.parse(data)
  } catch {
    return callback({ code: grpc.status.INVALID_ARGUMENT, details: 'the data of the event is not JSON' })
  }
  if (type === 'gateway.function.invocationFailed') {
    log('warn', 'a call has failed', { space: about.space, function: about.functionId, event: about.event.event })
    return callback(null, {})
  }
  if (prefix && about.event.event.startsWith(prefix)) {
    return callback(null, { refusal: { status: 403, message: `events of type ${about.event.event} are not for you` } })
  }
  callback(null, {})
}

if (process.env.EVENT_GATEWAY_PLUGIN === undefined) {
  console.error('This program is a plugin of the Event Gateway, which starts it.')
  process.exit(1)
}

// The gateway closes standard input when the program is to end, and so does the system when the gateway has gone.
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))

// The gateway has made a directory that only it and this program can reach.
const socket = path.join(process.env.PLUGIN_UNIX_SOCKET_DIR, 'plugin.sock')
const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 })
server.addService(Plugin.service, { subscriptions, react })
server.bindAsync(`unix:${socket}`, grpc.ServerCredentials.createInsecure(), (err) => {
  if (err) throw err
  // Version of go-plugin's protocol, version of ours, how to connect.
  console.log(`1|1|unix|${socket}|grpc`)
})
