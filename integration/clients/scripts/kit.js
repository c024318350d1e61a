'use strict'

// What the scripts share: the gateway they drive, a server for functions, and a record of the methods that were driven.

const assert = require('node:assert/strict')
const http = require('node:http')

// patience is how long a script waits for what must happen; only a failing one waits that long.
const patience = 30_000

// setting reads what the Go test passes on.
function setting(name) {
  assert.ok(process.env[name], `${name} is not set`)
  return process.env[name]
}

const settings = {
  // The package to drive, by its name in package.json.
  client: setting('CLIENT'),
  // The gateway, and one whose store has never been reached.
  events: setting('EVENTS_URL'),
  configuration: setting('CONFIGURATION_URL'),
  eventsWithoutStore: setting('EVENTS_WITHOUT_STORE_URL'),
  configurationWithoutStore: setting('CONFIGURATION_WITHOUT_STORE_URL'),
  // The same Configuration API for those who show the key.
  lockedConfiguration: setting('LOCKED_CONFIGURATION_URL'),
  key: setting('KEY')
}

// within fails when a promise is not settled in time.
function within(promise, what) {
  let timer
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${patience} ms: ${what}`)), patience)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

// Functions runs functions on one port. Each keeps its calls and gives one answer.
class Functions {
  static async start() {
    const functions = new Functions()
    functions.all = new Map()
    functions.server = http.createServer((request, response) => functions.serve(request, response))
    await new Promise(resolve => functions.server.listen(0, '127.0.0.1', resolve))
    return functions
  }

  // add makes a function and returns its URL.
  add(id, answer, status = 200) {
    this.all.set(id, { answer, status, calls: [], waiting: [] })
    return `http://127.0.0.1:${this.server.address().port}/${id}`
  }

  // next waits for a call of the function, and returns its body read as JSON.
  next(id) {
    const { calls, waiting } = this.all.get(id)
    if (calls.length > 0) return calls.shift()
    return within(new Promise(resolve => waiting.push(resolve)), `a call of ${id}`)
  }

  // none checks that the function has no call that next has not returned.
  none(id) {
    assert.deepEqual(this.all.get(id).calls, [])
  }

  async serve(request, response) {
    let body = ''
    for await (const part of request) body += part
    const fn = this.all.get(request.url.slice(1))
    const call = JSON.parse(body)
    const waits = fn.waiting.shift()
    if (waits) waits(call)
    else fn.calls.push(call)
    response.statusCode = fn.status
    response.end(fn.answer)
  }

  stop() {
    this.server.close()
    this.server.closeAllConnections()
  }
}

// methodsOf lists what a client can do, whether its methods are its own or its class'.
function methodsOf(client) {
  const names = [...Object.keys(client), ...Object.getOwnPropertyNames(Object.getPrototypeOf(client))]
  return [...new Set(names)]
    .filter(name => name !== 'constructor' && !(name in Object.prototype) && typeof client[name] === 'function')
    .sort()
}

// Record keeps which methods of clients succeeded and which failed.
class Record {
  constructor() {
    this.succeeded = new Set()
    this.failed = new Set()
  }

  // of returns a client whose calls are kept.
  of(client) {
    const methods = methodsOf(client)
    return Object.fromEntries(methods.map(name => [name, async (...args) => {
      try {
        const result = await client[name](...args)
        this.succeeded.add(name)
        return result
      } catch (error) {
        this.failed.add(name)
        throw error
      }
    }]))
  }

  // check compares with the methods that must have succeeded; all, whatever it has, must have failed too.
  check(all, mustSucceed = all) {
    assert.deepEqual([...this.succeeded].sort(), [...mustSucceed].sort(), 'methods that succeeded')
    assert.deepEqual([...this.failed].sort(), [...all].sort(), 'methods that failed')
  }
}

// fails checks that a call fails, with exactly this message; a regular expression has to match it.
async function fails(promise, message) {
  let error
  try {
    await promise
  } catch (e) {
    error = e
  }
  assert.ok(error instanceof Error, `did not fail; want ${message}`)
  if (message instanceof RegExp) assert.match(error.message, message)
  else assert.equal(error.message, message)
}

// has checks that an object has these members, perhaps beside others.
function has(object, members) {
  assert.deepEqual(Object.fromEntries(Object.keys(members).map(name => [name, object[name]])), members)
}

// run runs a script's main function with a server for functions.
async function run(main) {
  const functions = await Functions.start()
  try {
    await main(functions)
  } finally {
    functions.stop()
  }
}

module.exports = { Record, assert, fails, has, methodsOf, run, settings }
