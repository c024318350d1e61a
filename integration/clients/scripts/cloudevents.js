'use strict'

// Drives @serverless/event-gateway-sdk 0.10 and 0.11: generation C, with CloudEvents 0.1, event types and CORS.

const { Record, assert, fails, has, methodsOf, run, settings } = require('./kit')
const { cors, eventTypes, functionsOf, subscriptions } = require('./resources')
const SDK = require(settings.client)

const methods = [
  'createCORS', 'createEventType', 'createFunction', 'deleteCORS', 'deleteEventType', 'deleteFunction', 'emit', 'listCORS',
  'listEventTypes', 'listFunctions', 'listSubscriptions', 'subscribe', 'unsubscribe', 'updateCORS', 'updateEventType',
  'updateFunction'
]
// Connections belong to another server, the connector, whose address is an option of its own.
const connectionMethods = settings.client === 'sdk-0.11'
  ? ['createConnection', 'deleteConnection', 'listConnections', 'updateConnection'] : []
const allMethods = [...methods, ...connectionMethods].sort()

const record = new Record()

function connect(options) {
  return record.of(new SDK({ url: settings.events, configurationUrl: settings.configuration, ...options }))
}

const event = (eventType, more) => ({
  eventType, eventID: '1', cloudEventsVersion: '0.1', source: '/services/users', contentType: 'application/json',
  data: { userID: 'foo' }, ...more
})

run(async functions => {
  assert.deepEqual(methodsOf(new SDK({ url: settings.events })), allMethods)
  const gateway = connect()
  await functionsOf(gateway, 'default', functions)
  await functionsOf(connect({ space: 'team' }), 'team', functions)
  await subscriptions(gateway, functions)
  await eventTypes(gateway, functions)
  await cors(gateway, functions)
  await events(gateway, functions)
  await connections()
  await withKey(functions)
  await withoutStore()
  record.check(allMethods, methods)
})

async function events(gateway, functions) {
  const create = (functionId, ...answer) =>
    gateway.createFunction({ functionId, type: 'http', provider: { url: functions.add(functionId, ...answer) } })
  await create('sendEmail', '{}')
  await create('price', '{"amount":7}')
  await create('broken', 'no such table', 500)

  await gateway.subscribe({ type: 'async', eventType: 'user.created', functionId: 'sendEmail' })
  const emitted = await gateway.emit(event('user.created'))
  assert.equal(emitted.status, 202)
  assert.equal(await emitted.text(), '')
  has(await functions.next('sendEmail'), {
    event: 'user.created', id: '1', source: '/services/users', data: { userID: 'foo' }, dataType: 'application/json'
  })
  await fails(gateway.emit({ eventType: 'user.created', cloudEventsVersion: '0.1', source: '/' }),
    /^Failed to emit the event user\.created due the error: (eventID|id): missing/)
  await fails(gateway.emit(event('gateway.event.received')),
    /^Failed to emit the event gateway\.event\.received due the error: .*gateway\.event\.received/)
  functions.none('sendEmail')

  await gateway.subscribe({ type: 'sync', eventType: 'price.asked', functionId: 'price' })
  const asked = await gateway.emit(event('price.asked'))
  assert.equal(asked.status, 200)
  assert.deepEqual(await asked.json(), { amount: 7 })
  has(await functions.next('price'), { event: 'price.asked' })
  await create('made', '{"statusCode":201,"headers":{"X-Made":"yes"},"body":"made it"}')
  await gateway.subscribe({ type: 'sync', eventType: 'price.made', functionId: 'made' })
  const made = await gateway.emit(event('price.made'))
  assert.equal(made.status, 201)
  assert.equal(made.headers.get('x-made'), 'yes')
  assert.equal(await made.text(), 'made it')
  await gateway.subscribe({ type: 'sync', eventType: 'price.changed', functionId: 'broken' })
  await fails(gateway.emit(event('price.changed')),
    /^Failed to emit the event price\.changed due the error: (?!.*such table).*answered with status 500/)
  await authorized(gateway, functions)
  if (settings.client === 'sdk-0.11') await paths(gateway, functions)
}

// authorized emits events of a type that has an authorizer, first one that refuses.
async function authorized(gateway, functions) {
  const create = (functionId, answer) =>
    gateway.createFunction({ functionId, type: 'http', provider: { url: functions.add(functionId, answer) } })
  await create('refuses', '{"error":{"message":"who are you?"}}')
  await create('grants', '{"authorization":{"principalId":"max","context":{"plan":"free"}}}')
  await gateway.createEventType({ name: 'user.created', authorizerId: 'refuses' })
  await fails(gateway.emit(event('user.created', { eventID: 'refused' })),
    /^Failed to emit the event user\.created due the error: .*who are you\?/)
  const asked = await functions.next('refuses')
  has(asked.event, { event: 'user.created', id: 'refused' })
  has(asked.request, { path: '/', method: 'POST' })
  functions.none('sendEmail')

  await gateway.updateEventType({ name: 'user.created', authorizerId: 'grants' })
  await gateway.emit(event('user.created', { eventID: 'granted' }))
  const { extensions } = await functions.next('sendEmail')
  assert.deepEqual(extensions.eventgateway.authorization, { principalId: 'max', context: { plan: 'free' } })
  await gateway.updateEventType({ name: 'user.created' })
}

// paths are new in 0.11, and headers beside them.
async function paths(gateway, functions) {
  await gateway.subscribe({ type: 'async', eventType: 'user.created', functionId: 'price', path: '/users' })
  await gateway.emit(event('user.created', { eventID: '2' }), { path: 'users', headers: { Authorization: 'Bearer 1' } })
  has(await functions.next('price'), { event: 'user.created', id: '2' })
  functions.none('sendEmail')
}

// The connector is not the gateway, and a client that takes it for one is told.
async function connections() {
  if (connectionMethods.length === 0) return
  const gateway = connect({ connectorUrl: settings.configuration })
  const connection = { connectionId: 'c', target: 'http://localhost:4001', eventType: 'a', type: 'awskinesis' }
  for (const [call, start] of [
    [() => gateway.createConnection(connection), 'create the connection'],
    [() => gateway.updateConnection(connection), 'update the connection c'],
    [() => gateway.deleteConnection(connection), 'delete the connection c'],
    [() => gateway.listConnections(), 'fetch the connection list']
  ]) {
    await fails(call(), new RegExp(
      `^Failed to ${start} due the error: path: "/v1/spaces/default/connections.* is not a path of the Configuration API`))
  }
}

async function withKey(functions) {
  const locked = connect({ configurationUrl: settings.lockedConfiguration })
  await fails(locked.listFunctions(), "Failed to fetch the function list and couldn't parse error body.")
  process.env.EVENT_GATEWAY_ACCESS_KEY = settings.key
  const fn = { functionId: 'f', type: 'http', provider: { url: functions.add('f', '{}') } }
  await locked.createFunction(fn)
  await locked.updateFunction(fn)
  await locked.listFunctions()
  await locked.createEventType({ name: 'locked' })
  await locked.updateEventType({ name: 'locked', authorizerId: 'f' })
  await locked.listEventTypes()
  await locked.deleteEventType({ name: 'locked' })
  await locked.unsubscribe(await locked.subscribe({ type: 'async', eventType: 'locked', functionId: 'f' }))
  await locked.listSubscriptions()
  const resource = await locked.createCORS({ method: 'GET', path: '/locked' })
  await locked.updateCORS(resource)
  await locked.listCORS()
  await locked.deleteCORS(resource)
  await locked.deleteFunction(fn)
  delete process.env.EVENT_GATEWAY_ACCESS_KEY
}

async function withoutStore() {
  const gateway = connect({ url: settings.eventsWithoutStore, configurationUrl: settings.configurationWithoutStore })
  const fn = { functionId: 'f', type: 'http', provider: { url: 'http://localhost/' } }
  const resource = { method: 'GET', path: '/' }
  const made = { ...resource, corsId: 'c' }
  for (const [call, start] of [
    [() => gateway.createFunction(fn), 'create the function f'],
    [() => gateway.updateFunction(fn), 'update the function f'],
    [() => gateway.deleteFunction(fn), 'delete the function f'],
    [() => gateway.listFunctions(), 'fetch the function list'],
    [() => gateway.createEventType({ name: 'a' }), 'create a event type'],
    [() => gateway.updateEventType({ name: 'a' }), 'update a event type'],
    [() => gateway.deleteEventType({ name: 'a' }), 'delete a event type'],
    [() => gateway.listEventTypes(), 'fetch the event types? list'],
    [() => gateway.subscribe({ eventType: 'a', functionId: 'f' }), 'subscribe the event a to the function f'],
    [() => gateway.unsubscribe({ subscriptionId: 's' }), 'unsubscribe the subscription s'],
    [() => gateway.listSubscriptions(), 'fetch the subscriptions list'],
    [() => gateway.createCORS(resource), 'create CORS configuration'],
    [() => gateway.updateCORS(made), 'update c CORS configuration'],
    [() => gateway.deleteCORS(made), 'delete c CORS configuration'],
    [() => gateway.listCORS(), 'fetch the CORS configurations list'],
    [() => gateway.emit(event('a')), 'emit the event a']
  ]) {
    await fails(call(), new RegExp(`^Failed to ${start} due the error: .*configuration`))
  }
}
