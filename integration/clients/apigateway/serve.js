'use strict'

// Serves the application of app.js directly, and as functions behind adapters for API Gateway: a POST to a function is an event,
// for which its handler is called as the runtime of Lambda does. Says where on the first line, and ends with its input.
//
// Of @vendia/serverless-express it is 4.10.4, the last with code of its own: what later versions hand over to fails by itself, with
// a 500, where Express has no route for a request.

const http = require('node:http')
const serverlessExpress = require('@vendia/serverless-express')
const serverlessHTTP = require('serverless-http')
const makeApp = require('./app.js')

const binary = ['image/*', 'application/octet-stream']

const handlers = {
  '/serverless-http': serverlessHTTP(makeApp(), { binary }),
  '/serverless-express': serverlessExpress({ app: makeApp(), binarySettings: { contentTypes: binary } })
}

async function call(request, response) {
  const parts = []
  for await (const part of request) parts.push(part)
  try {
    const context = { awsRequestId: 'test', callbackWaitsForEmptyEventLoop: false, getRemainingTimeInMillis: () => 30_000 }
    const answer = await handlers[request.url](JSON.parse(Buffer.concat(parts).toString()), context)
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(answer))
  } catch (error) {
    console.error(error)
    response.statusCode = 500
    response.end()
  }
}

async function listen(listener) {
  const server = http.createServer(listener)
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${server.address().port}`
}

async function main() {
  const direct = await listen(makeApp())
  const functions = await listen(call)
  console.log(JSON.stringify({ direct, functions }))
  process.stdin.on('end', () => process.exit(0)).resume()
}

main()
