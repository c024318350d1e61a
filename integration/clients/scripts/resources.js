'use strict'

// Takes the resources of generation C through their lives, as @serverless/event-gateway-sdk 0.10 and 0.11 do.

const { assert, fails, has, settings } = require('./kit')

async function functionsOf(gateway, space, functions) {
  const url = functions.add('sendEmail', '{}')
  const sendEmail = { functionId: 'sendEmail', type: 'http', provider: { url }, metadata: { service: 'users' } }
  assert.deepEqual(await gateway.createFunction(sendEmail), { space, ...sendEmail })
  await fails(gateway.createFunction(sendEmail),
    /^Failed to create the function sendEmail due the error: functionId: function "sendEmail" exists already/)
  await gateway.createFunction({ functionId: 'other', type: 'http', provider: { url } })

  const changed = { ...sendEmail, provider: { url: `${url}2` }, metadata: { service: 'mail' } }
  assert.deepEqual(await gateway.updateFunction(changed), { space, ...changed })
  await fails(gateway.updateFunction({ functionId: 'nobody', type: 'http', provider: { url } }),
    `Failed to update the function nobody due the error: function "nobody" does not exist in space "${space}"`)
  await fails(gateway.updateFunction({ ...sendEmail, provider: {} }),
    /^Failed to update the function sendEmail due the error: provider\.url: /)

  assert.deepEqual((await gateway.listFunctions()).map(fn => fn.functionId), ['other', 'sendEmail'])
  assert.deepEqual(await gateway.listFunctions({ 'metadata.service': 'mail' }), [{ space, ...changed }])
  assert.deepEqual(await gateway.listFunctions({ 'metadata.service': 'users' }), [])

  assert.equal(await gateway.deleteFunction({ functionId: 'other' }), undefined)
  await gateway.deleteFunction(sendEmail)
  await fails(gateway.deleteFunction(sendEmail),
    `Failed to delete the function sendEmail due the error: function "sendEmail" does not exist in space "${space}"`)
}

async function subscriptions(gateway, functions) {
  await gateway.createFunction({ functionId: 'sendEmail', type: 'http', provider: { url: functions.add('sendEmail', '{}') } })
  const wanted = {
    type: 'async', eventType: 'user.created', functionId: 'sendEmail', path: '/myteam', method: 'PUT', metadata: { a: 'b' }
  }
  const created = await gateway.subscribe(wanted)
  has(created, { space: 'default', ...wanted })
  assert.match(created.subscriptionId, /^[\w.-]+$/)
  const request = { type: 'sync', eventType: 'http.request', functionId: 'sendEmail', path: '/users/:id', method: 'GET' }
  const createdToo = await gateway.subscribe(request)
  has(createdToo, request)
  await fails(gateway.subscribe(wanted),
    /^Failed to subscribe the event user\.created to the function sendEmail due the error: subscription .* exists already: /)
  await fails(gateway.subscribe({ ...wanted, type: 'often' }),
    /^Failed to subscribe the event user\.created to the function sendEmail due the error: type: "often" .*sync/)
  await fails(gateway.subscribe({ ...wanted, functionId: 'nobody' }),
    /^Failed to subscribe the event user\.created to the function nobody due the error: functionId: /)

  const byId = (a, b) => a.subscriptionId < b.subscriptionId ? -1 : 1
  assert.deepEqual(await gateway.listSubscriptions(), [created, createdToo].sort(byId))
  assert.deepEqual(await gateway.listSubscriptions({ 'metadata.a': 'b' }), [created])
  await fails(gateway.deleteFunction({ functionId: 'sendEmail' }),
    /^Failed to delete the function sendEmail due the error: function "sendEmail" is in use by /)
  assert.equal(await gateway.unsubscribe(created), undefined)
  await gateway.unsubscribe(createdToo)
  await fails(gateway.unsubscribe(created),
    /^Failed to unsubscribe the subscription \w+ due the error: subscription "\w+" does not exist in space "default"$/)
  await gateway.deleteFunction({ functionId: 'sendEmail' })
}

async function eventTypes(gateway, functions) {
  await gateway.createFunction({ functionId: 'authorizer', type: 'http', provider: { url: functions.add('authorizer', '{}') } })
  const paid = { name: 'order.paid', metadata: { service: 'orders' } }
  has(await gateway.createEventType(paid), { space: 'default', ...paid })
  await fails(gateway.createEventType(paid),
    /^Failed to create order\.paid event type due the error: .*"order\.paid" exists already/)
  await fails(gateway.createEventType({ name: 'order.sent', authorizerId: 'nobody' }),
    /^Failed to create order\.sent event type due the error: authorizerId: .*nobody/)
  await gateway.createEventType({ name: 'order.placed' })

  const changed = { name: 'order.paid', authorizerId: 'authorizer', metadata: { service: 'payments' } }
  has(await gateway.updateEventType(changed), { space: 'default', ...changed })
  await fails(gateway.updateEventType({ name: 'order.lost' }),
    /^Failed to update order\.lost event type due the error: event type "order\.lost" is not registered in space "default"/)
  await fails(gateway.deleteFunction({ functionId: 'authorizer' }),
    /^Failed to delete the function authorizer due the error: function "authorizer" is in use as authorizer by event type "order\.paid"/)

  assert.deepEqual((await gateway.listEventTypes()).map(eventType => eventType.name), ['order.paid', 'order.placed'])
  const [listed, ...others] = await gateway.listEventTypes({ 'metadata.service': 'payments' })
  has(listed, changed)
  assert.deepEqual(others, [])

  const subscription = await gateway.subscribe({ type: 'async', eventType: 'order.placed', functionId: 'authorizer' })
  await fails(gateway.deleteEventType({ name: 'order.placed' }),
    /^Failed to delete order\.placed event type due the error: .*"order\.placed" is in use by subscription \w+/)
  await gateway.unsubscribe(subscription)
  assert.equal(await gateway.deleteEventType({ name: 'order.placed' }), undefined)
  await gateway.deleteEventType(paid)
  await fails(gateway.deleteEventType(paid),
    /^Failed to delete order\.paid event type due the error: event type "order\.paid" is not registered in space "default"/)
  await gateway.deleteFunction({ functionId: 'authorizer' })
}

async function cors(gateway, functions) {
  await gateway.createFunction({
    functionId: 'listUsers', type: 'http', provider: { url: functions.add('listUsers', '{"statusCode":200,"body":"Max"}') }
  })
  const subscription = await gateway.subscribe(
    { type: 'sync', eventType: 'http.request', functionId: 'listUsers', method: 'GET', path: '/users' })
  const origin = 'https://shop.example.com'
  const ask = method => fetch(`${settings.events}/users`,
    { method, headers: { Origin: origin, 'Access-Control-Request-Method': 'GET' } })
  assert.equal((await ask('GET')).headers.get('Access-Control-Allow-Origin'), null)

  const wanted = { method: 'GET', path: '/users', allowedOrigins: ['https://*.example.com'], metadata: { a: 'b' } }
  const created = await gateway.createCORS(wanted)
  has(created, {
    space: 'default', ...wanted, allowedMethods: ['HEAD', 'GET', 'POST'], allowedHeaders: ['Origin', 'Accept', 'Content-Type'],
    allowCredentials: false
  })
  await fails(gateway.createCORS(wanted), /^Failed to create CORS configuration due the error: .*exists already/)
  await fails(gateway.createCORS({ method: 'GET', path: 'users' }),
    /^Failed to create CORS configuration due the error: path: "users" /)
  assert.equal((await ask('OPTIONS')).headers.get('Access-Control-Allow-Methods'), 'GET')
  assert.equal((await ask('GET')).headers.get('Access-Control-Allow-Origin'), origin)

  // What create answered can be changed and put back, under an id that the client does not escape.
  const changed = { ...created, allowedOrigins: ['https://other.example.com'], metadata: { a: 'c' } }
  assert.deepEqual(await gateway.updateCORS(changed), changed)
  assert.equal((await ask('GET')).headers.get('Access-Control-Allow-Origin'), null)
  await fails(gateway.updateCORS({ ...changed, corsId: 'nobody' }), /^Failed to update nobody CORS configuration due the error: /)
  await fails(gateway.updateCORS({ ...changed, path: '/elsewhere' }),
    /^Failed to update \S+ CORS configuration due the error: path: "\/elsewhere" /)

  assert.deepEqual(await gateway.listCORS(), [changed])
  assert.deepEqual(await gateway.listCORS({ 'metadata.a': 'b' }), [])
  assert.equal(await gateway.deleteCORS(created), undefined)
  await fails(gateway.deleteCORS(created), /^Failed to delete \S+ CORS configuration due the error: .*does not exist/)
  await gateway.unsubscribe(subscription)
  await gateway.deleteFunction({ functionId: 'listUsers' })
}

module.exports = { cors, eventTypes, functionsOf, subscriptions }
