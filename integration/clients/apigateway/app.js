'use strict'

// An ordinary application on Express, which knows nothing of gateways and functions.

const crypto = require('node:crypto')
const zlib = require('node:zlib')
const express = require('express')

const picture = Buffer.from(Array.from({ length: 256 }, (_, i) => i))

module.exports = function makeApp() {
  const app = express()

  // What the application sees of a request. The order of query parameters is none of API Gateway's business.
  app.all('/echo/:id/*', express.raw({ type: () => true }), (request, response) => {
    response.json({
      method: request.method,
      params: request.params,
      query: Object.entries(request.query).sort(),
      path: request.path,
      host: request.hostname,
      ip: request.ip,
      cookie: request.get('cookie') ?? null,
      list: (request.get('x-list') ?? '').split(',').map(value => value.trim()),
      type: request.get('content-type') ?? null,
      // Adapters give an empty body where Express gives none.
      body: Buffer.isBuffer(request.body) ? request.body.toString('hex') : ''
    })
  })

  app.post('/json', express.json(), (request, response) => response.status(201).json({ got: request.body }))
  app.post('/form', express.urlencoded({ extended: true }), (request, response) => response.json({ got: request.body }))
  app.post('/text', express.text(), (request, response) => response.type('text').send(request.body + '!'))
  app.put('/upload', express.raw({ type: () => true }), (request, response) => {
    response.json({ length: request.body.length, sha256: crypto.createHash('sha256').update(request.body).digest('hex') })
  })

  app.get('/picture', (request, response) => response.type('png').send(picture))
  app.get('/squeezed', (request, response) => {
    response.set('Content-Encoding', 'gzip').type('text').send(zlib.gzipSync('squeezed '.repeat(100)))
  })
  app.get('/cookies', (request, response) => {
    response.cookie('a', '1', { httpOnly: true }).cookie('b', 'x y;z', { path: '/b', expires: new Date(0) })
    response.append('X-List', 'one').append('X-List', 'two').vary('Accept').vary('Origin').send('set')
  })
  app.get('/moved', (request, response) => response.redirect(302, '/echo/ü?a=b c'))
  app.get('/gone', (request, response) => response.redirect(308, 'https://example.com/'))
  app.get('/page', (request, response) => response.send('<p>Zoë, 漢字 😀</p>'))
  app.get('/nothing', (request, response) => response.sendStatus(204))
  app.get('/empty', (request, response) => response.end())
  app.get('/status/:code', (request, response) => response.status(Number(request.params.code)).json({ code: request.params.code }))
  app.get('/broken', () => { throw new Error('broken on purpose') })
  app.delete('/echo-nothing', (request, response) => response.status(200).end())
  return app
}
