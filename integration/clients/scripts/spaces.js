'use strict'

// Drives @serverless/event-gateway-sdk 0.2 and 0.3: generation B, with spaces. 0.3 names the space of a call in a header.

const { Record, assert, fails, has, methodsOf, run, settings } = require('./kit')
const EventGateway = require(settings.client)

const methods = [
  'deleteFunction', 'emit', 'invoke', 'listFunctions', 'listSubscriptions', 'registerFunction', 'subscribe', 'unsubscribe'
]
const keyVariables = { 'sdk-0.2': 'EVENT_GATEWAY_APIKEY', 'sdk-0.3': 'EVENT_GATEWAY_API_KEY' }
const keyOptions = { 'sdk-0.2': 'apikey', 'sdk-0.3': 'apiKey' }

const record = new Record()

function connect(options) {
  return record.of(new EventGateway({ url: settings.events, configurationUrl: settings.configuration, ...options }))
}

run(async functions => {
  assert.deepEqual(methodsOf(new EventGateway({ url: settings.events })), methods)
  await resources(connect(), 'default', functions)
  await resources(connect({ space: 'team' }), 'team', functions)
  await isolation(functions)
  await events(connect(), functions)
  await withKey(functions)
  await withoutStore()
  record.check(methods)
})

async function resources(gateway, space, functions) {
  const url = functions.add('sendEmail', '{}')
  const sendEmail = { functionId: 'sendEmail', type: 'http', provider: { url } }
  assert.deepEqual(await gateway.registerFunction(sendEmail), { space, ...sendEmail })
  await fails(gateway.registerFunction(sendEmail),
    /^Failed to register the function sendEmail due the error: functionId: function "sendEmail" exists already/)
  await fails(gateway.registerFunction({ functionId: 'broken', type: 'nonsense', provider: {} }),
    /^Failed to register the function broken due the error: type: "nonsense" .* want .*"?http/)
  assert.deepEqual(await gateway.listFunctions(), [{ space, ...sendEmail }])

  const created = await gateway.subscribe({ event: 'user.created', functionId: 'sendEmail', path: '/myteam' })
  has(created, { space, event: 'user.created', functionId: 'sendEmail', path: '/myteam' })
  assert.match(created.subscriptionId, /^[\w.-]+$/)
  await fails(gateway.subscribe({ event: 'user.created', functionId: 'sendEmail', path: '/myteam' }),
    /^Failed to subscribe the event user\.created to the function sendEmail due the error: subscription .* exists already: /)
  await fails(gateway.subscribe({ event: 'http', functionId: 'sendEmail', path: 'users', method: 'GET' }),
    /^Failed to subscribe the event http to the function sendEmail due the error: path: "users" /)
  assert.deepEqual(await gateway.listSubscriptions(), [created])

  await fails(gateway.deleteFunction({ functionId: 'sendEmail' }),
    `Failed to delete the function sendEmail due the error: function "sendEmail" is in use by subscription ${
      created.subscriptionId}: delete what uses it first`)
  assert.equal(await gateway.unsubscribe(created), undefined)
  await fails(gateway.unsubscribe(created),
    `Failed to unsubscribe the subscription ${created.subscriptionId} due the error: subscription "${
      created.subscriptionId}" does not exist in space "${space}"`)
  assert.equal(await gateway.deleteFunction({ functionId: 'sendEmail' }), undefined)
  await fails(gateway.deleteFunction({ functionId: 'sendEmail' }),
    `Failed to delete the function sendEmail due the error: function "sendEmail" does not exist in space "${space}"`)
}

// Two spaces may use the same ids, and see nothing of each other.
async function isolation(functions) {
  const [mine, other] = [connect({ space: 'mine' }), connect({ space: 'other' })]
  await mine.registerFunction({ functionId: 'f', type: 'http', provider: { url: functions.add('mine', '"mine"') } })
  await fails(other.subscribe({ event: 'invoke', functionId: 'f' }),
    /^Failed to subscribe the event invoke to the function f due the error: functionId: /)
  await fails(other.deleteFunction({ functionId: 'f' }),
    'Failed to delete the function f due the error: function "f" does not exist in space "other"')
  assert.deepEqual(await other.listFunctions(), [])
  const subscription = await mine.subscribe({ event: 'invoke', functionId: 'f' })
  assert.equal(await (await mine.invoke({ functionId: 'f' })).json(), 'mine')
  if (settings.client === 'sdk-0.3') {
    await fails(other.invoke({ functionId: 'f' }),
      /^Failed to invoke function f due the error: .*want a subscription of it to the event invoke/)
  }
  await other.registerFunction({ functionId: 'f', type: 'http', provider: { url: functions.add('other', '"other"') } })
  await mine.unsubscribe(subscription)
  await mine.deleteFunction({ functionId: 'f' })
  assert.equal((await other.listFunctions()).length, 1)
  await other.deleteFunction({ functionId: 'f' })
}

async function events(gateway, functions) {
  const register = (functionId, ...answer) =>
    gateway.registerFunction({ functionId, type: 'http', provider: { url: functions.add(functionId, ...answer) } })
  await register('createUser', '{"id":7}')
  await register('sendEmail', '{}')
  await register('broken', 'no such user table', 500)

  await gateway.subscribe({ event: 'user.created', functionId: 'sendEmail' })
  const emitted = await gateway.emit({ event: 'user.created', data: { name: 'Max' } })
  assert.equal(emitted.status, 202)
  has(await functions.next('sendEmail'),
    { event: 'user.created', data: { name: 'Max' }, dataType: 'application/json' })
  await gateway.emit({ event: 'user.created', data: 'Max', dataType: 'text/plain' })
  has(await functions.next('sendEmail'), { data: Buffer.from('Max').toString('base64'), dataType: 'text/plain' })
  await connect({ url: `${settings.events}/myteam` }).emit({ event: 'user.created', data: {} }) // nobody listens there
  await fails(gateway.emit({ event: 'gateway.function.invoked', data: {} }),
    'Failed to emit the event gateway.function.invoked')
  functions.none('sendEmail')

  await fails(gateway.invoke({ functionId: 'createUser', data: {} }),
    /^Failed to invoke function createUser due the error: .*want a subscription of it to the event invoke/)
  await gateway.subscribe({ event: 'invoke', functionId: 'createUser' })
  const invoked = await gateway.invoke({ functionId: 'createUser', data: { name: 'Max' } })
  assert.deepEqual(await invoked.json(), { id: 7 })
  has(await functions.next('createUser'), { event: 'invoke', data: { name: 'Max' }, dataType: 'application/json' })
  await gateway.invoke({ functionId: 'createUser', data: 'Max', dataType: 'text/plain' })
  has(await functions.next('createUser'), { data: Buffer.from('Max').toString('base64'), dataType: 'text/plain' })
  await gateway.subscribe({ event: 'invoke', functionId: 'broken' })
  await fails(gateway.invoke({ functionId: 'broken', data: {} }),
    /^Failed to invoke function broken due the error: (?!.*user table).*answered with status 500/)
}

async function withKey(functions) {
  const options = { configurationUrl: settings.lockedConfiguration, space: 'locked' }
  const fn = { functionId: 'f', type: 'http', provider: { url: functions.add('f', '{}') } }
  const stranger = connect(options)
  await fails(stranger.registerFunction(fn), "Failed to register the function f and couldn't parse error body.")
  await fails(stranger.listSubscriptions(), "Failed to fetch the subscriptions list and couldn't parse error body.")
  const friend = connect({ ...options, [keyOptions[settings.client]]: settings.key })
  await friend.registerFunction(fn)
  process.env[keyVariables[settings.client]] = settings.key
  await useLocked(connect(options))
  delete process.env[keyVariables[settings.client]]
}

// useLocked calls every method of the Configuration API.
async function useLocked(gateway) {
  const subscription = await gateway.subscribe({ event: 'a', functionId: 'f' })
  assert.deepEqual(await gateway.listSubscriptions(), [subscription])
  await gateway.unsubscribe(subscription)
  assert.equal((await gateway.listFunctions()).length, 1)
  await gateway.deleteFunction({ functionId: 'f' })
}

async function withoutStore() {
  const gateway = connect({ url: settings.eventsWithoutStore, configurationUrl: settings.configurationWithoutStore })
  for (const [call, start] of [
    [() => gateway.registerFunction({ functionId: 'f', type: 'http', provider: { url: 'http://localhost/' } }),
      'Failed to register the function f'],
    [() => gateway.deleteFunction({ functionId: 'f' }), 'Failed to delete the function f'],
    [() => gateway.listFunctions(), 'Failed to fetch the function list'],
    [() => gateway.subscribe({ event: 'a', functionId: 'f' }), 'Failed to subscribe the event a to the function f'],
    [() => gateway.unsubscribe({ subscriptionId: 's' }), 'Failed to unsubscribe the subscription s'],
    [() => gateway.listSubscriptions(), 'Failed to fetch the subscriptions list'],
    [() => gateway.invoke({ functionId: 'f' }), 'Failed to invoke function f']
  ]) {
    await fails(call(), new RegExp(`^${start} due the error: .*configuration`))
  }
  await fails(gateway.emit({ event: 'a', data: {} }), 'Failed to emit the event a')
}
