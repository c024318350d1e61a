'use strict'

// Drives @serverless/fdk: generation A, without spaces.

const { Record, assert, fails, has, methodsOf, run, settings } = require('./kit')
const fdk = require(settings.client)

const methods = [
  'configure', 'deleteFunction', 'emit', 'invoke', 'listFunctions', 'listSubscriptions', 'registerFunction',
  'resetConfiguration', 'subscribe', 'unsubscribe'
]

const record = new Record()

function connect(url = settings.events, configurationUrl = settings.configuration) {
  return record.of(fdk.eventGateway({ url, configurationUrl }))
}

run(async functions => {
  assert.deepEqual(Object.keys(fdk), ['eventGateway'])
  assert.deepEqual(methodsOf(fdk.eventGateway({ url: settings.events })), methods)
  const gateway = connect()
  await resources(gateway, functions)
  await events(gateway, functions)
  await configuration(gateway, functions)
  await withKey(functions)
  await withoutStore()
  record.check(methods)
})

async function resources(gateway, functions) {
  const url = functions.add('sendEmail', '{}')
  const sendEmail = { functionId: 'sendEmail', provider: { type: 'http', url } }
  assert.deepEqual(await gateway.registerFunction(sendEmail), sendEmail)
  await fails(gateway.registerFunction(sendEmail),
    /^Failed to register the function sendEmail due the error: functionId: function "sendEmail" exists already/)
  await fails(gateway.registerFunction({ functionId: 'broken', provider: { type: 'http' } }),
    /^Failed to register the function broken due the error: provider\.url: /)
  assert.deepEqual(await gateway.listFunctions(), { functions: [sendEmail] })

  const created = await gateway.subscribe({ event: 'user.created', functionId: 'sendEmail', path: '/myteam' })
  has(created, { event: 'user.created', functionId: 'sendEmail', path: '/myteam' })
  assert.match(created.subscriptionId, /^[\w.-]+$/)
  await fails(gateway.subscribe({ event: 'user.created', functionId: 'sendEmail', path: '/myteam' }),
    /^Failed to subscribe the event user\.created to the function sendEmail due the error: subscription .* exists already: /)
  await fails(gateway.subscribe({ event: 'user.created', functionId: 'nobody' }),
    /^Failed to subscribe the event user\.created to the function nobody due the error: functionId: .*nobody/)
  assert.deepEqual(await gateway.listSubscriptions(), { subscriptions: [created] })

  await fails(gateway.deleteFunction({ functionId: 'sendEmail' }),
    `Failed to delete the function sendEmail due the error: function "sendEmail" is in use by subscription ${
      created.subscriptionId}: delete what uses it first`)
  assert.equal(await gateway.unsubscribe(created), undefined)
  await fails(gateway.unsubscribe(created),
    `Failed to unsubscribe the subscription ${created.subscriptionId} due the error: subscription "${
      created.subscriptionId}" does not exist in space "default"`)
  assert.equal(await gateway.deleteFunction({ functionId: 'sendEmail' }), undefined)
  await fails(gateway.deleteFunction({ functionId: 'sendEmail' }),
    'Failed to delete the function sendEmail due the error: function "sendEmail" does not exist in space "default"')
}

async function events(gateway, functions) {
  const register = (functionId, ...answer) =>
    gateway.registerFunction({ functionId, provider: { type: 'http', url: functions.add(functionId, ...answer) } })
  await register('createUser', '{"id":7}')
  await register('sendEmail', '{}')
  await register('listUsers', '{"statusCode":201,"headers":{"X-Users":"2"},"body":"Max and Mia"}')
  await register('broken', 'no such user table', 500)

  await gateway.subscribe({ event: 'user.created', functionId: 'sendEmail' })
  const emitted = await gateway.emit({ event: 'user.created', data: { name: 'Max' } })
  assert.equal(emitted.status, 202)
  has(await functions.next('sendEmail'),
    { event: 'user.created', data: { name: 'Max' }, dataType: 'application/json' })
  await gateway.emit({ event: 'user.created', data: 'Max', dataType: 'text/plain' })
  has(await functions.next('sendEmail'), { data: Buffer.from('Max').toString('base64'), dataType: 'text/plain' })
  await connect(`${settings.events}/myteam`).emit({ event: 'user.created', data: {} }) // nobody listens there
  await fails(gateway.emit({ event: 'gateway.function.invoked', data: {} }),
    'Failed to emit the event gateway.function.invoked')
  functions.none('sendEmail')

  await fails(gateway.invoke({ functionId: 'createUser', data: {} }),
    /^Failed to invoke function createUser due the error: {"errors":\[{"message":".*want a subscription.*"}\]}\n$/)
  await gateway.subscribe({ event: 'invoke', functionId: 'createUser' })
  const invoked = await gateway.invoke({ functionId: 'createUser', data: { name: 'Max' } })
  assert.deepEqual(await invoked.json(), { id: 7 })
  has(await functions.next('createUser'), { event: 'invoke', data: { name: 'Max' }, dataType: 'application/json' })
  await gateway.invoke({ functionId: 'createUser', data: 'Max', dataType: 'text/plain' })
  has(await functions.next('createUser'), { data: Buffer.from('Max').toString('base64'), dataType: 'text/plain' })
  await gateway.subscribe({ event: 'invoke', functionId: 'broken' })
  await fails(gateway.invoke({ functionId: 'broken', data: {} }),
    /^Failed to invoke function broken due the error: (?!.*user table).*answered with status 500/)

  await gateway.subscribe({ event: 'http', method: 'GET', path: '/users', functionId: 'listUsers' })
  await fails(gateway.subscribe({ event: 'http', method: 'GET', path: '/users', functionId: 'createUser' }),
    /^Failed to subscribe the event http to the function createUser due the error: path \/users already has a sync subscription/)
  const users = await fetch(`${settings.events}/users`)
  assert.equal(users.status, 201)
  assert.equal(users.headers.get('X-Users'), '2')
  assert.equal(await users.text(), 'Max and Mia')
  has(await functions.next('listUsers'), { event: 'http' })
}

async function configuration(gateway, functions) {
  await gateway.resetConfiguration()
  assert.deepEqual(await gateway.listFunctions(), { functions: [] })
  assert.deepEqual(await gateway.listSubscriptions(), { subscriptions: [] })

  const wanted = {
    functions: ['helloWorld', 'sendWelcomeMail'].map(functionId =>
      ({ functionId, provider: { type: 'http', url: functions.add(functionId, '{}') } })),
    subscriptions: [
      { event: 'http', method: 'GET', path: '/users', functionId: 'helloWorld' },
      { event: 'user.created', functionId: 'sendWelcomeMail' }
    ]
  }
  const made = await gateway.configure(wanted)
  assert.deepEqual(made.functions, wanted.functions)
  wanted.subscriptions.forEach((subscription, i) => has(made.subscriptions[i], subscription))

  await fails(gateway.configure({ functions: [{ functionId: 'x', provider: { type: 'gcloudfunction', name: 'x' } }] }),
    /^Failed to configure the Event Gateway\. Failed to register the function x due the error: .*gcloudfunction.*want/)
  await fails(gateway.configure({ subscriptions: [{ event: 'a', functionId: 'nobody' }] }),
    /^Failed to configure .* Failed to subscribe the event a to the function nobody due the error: .*nobody/)
  await gateway.resetConfiguration()
}

// The client shows its key in POST and DELETE alone, so only those can be locked.
async function withKey(functions) {
  const locked = connect(settings.events, settings.lockedConfiguration)
  const fn = { functionId: 'locked', provider: { type: 'http', url: functions.add('locked', '{}') } }
  await fails(locked.registerFunction(fn), "Failed to register the function locked and couldn't parse error body.")
  process.env.EVENT_GATEWAY_TOKEN = settings.key
  assert.deepEqual(await locked.registerFunction(fn), fn)
  await locked.deleteFunction(fn)
  delete process.env.EVENT_GATEWAY_TOKEN
}

async function withoutStore() {
  const gateway = connect(settings.eventsWithoutStore, settings.configurationWithoutStore)
  const fn = { functionId: 'f', provider: { type: 'http', url: 'http://localhost/' } }
  const reason = 'due the error: .*configuration'
  for (const [call, start] of [
    [() => gateway.registerFunction(fn), 'Failed to register the function f'],
    [() => gateway.deleteFunction(fn), 'Failed to delete the function f'],
    [() => gateway.listFunctions(), 'Failed to fetch the function list'],
    [() => gateway.subscribe({ event: 'a', functionId: 'f' }), 'Failed to subscribe the event a to the function f'],
    [() => gateway.unsubscribe({ subscriptionId: 's' }), 'Failed to unsubscribe the subscription s'],
    [() => gateway.listSubscriptions(), 'Failed to fetch the subscriptions list'],
    [() => gateway.configure({ functions: [fn] }), 'Failed to configure the Event Gateway. Failed to register the function f'],
    [() => gateway.resetConfiguration(), 'Failed to fetch the (function|subscriptions) list'],
    [() => gateway.invoke({ functionId: 'f' }), 'Failed to invoke function f']
  ]) {
    await fails(call(), new RegExp(`^${start} ${reason}`))
  }
  await fails(gateway.emit({ event: 'a', data: {} }), 'Failed to emit the event a')
}
