"use strict";

const picture = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x00, 0xff]).toString("base64");

// users is written for API Gateway, of either kind: it tells what it saw of the request, or sends a picture.
exports.users = async (event) => {
  const v1 = event.httpMethod !== undefined;
  const header = (name) => {
    const found = Object.keys(event.headers).find((key) => key.toLowerCase() === name);
    return found && event.headers[found];
  };
  if (event.queryStringParameters?.as === "picture") {
    return { statusCode: 200, headers: { "Content-Type": "image/png" }, body: picture, isBase64Encoded: true };
  }
  const seen = {
    route: v1 ? event.resource : event.routeKey,
    method: v1 ? event.httpMethod : event.requestContext.http.method,
    path: v1 ? event.path : event.rawPath,
    pathParameters: event.pathParameters,
    query: event.queryStringParameters ?? null,
    allQuery: v1 ? event.multiValueQueryStringParameters : event.rawQueryString,
    cookies: v1 ? header("cookie") : event.cookies,
    type: header("content-type"),
    body: event.body,
    isBase64Encoded: event.isBase64Encoded,
    version: event.version,
  };
  return { statusCode: 201, headers: { "Content-Type": "application/json; charset=utf-8", "X-Shop": "1" }, body: JSON.stringify(seen) };
};

// greet is written for the gateway's own schema.
exports.greet = async ({ event, data }) => ({
  statusCode: 201,
  headers: { "Content-Type": "text/plain", "X-Shop": "1" },
  body: `${data.body.greeting}, ${data.params.name} (${event} ${data.method})`,
});

exports.broken = async (event) => {
  throw new TypeError(`cannot take ${JSON.stringify(event)}`);
};

// note passes on what it was called with.
exports.note = async (event, context) => {
  const body = JSON.stringify({ function: context.functionName, event, custom: context.clientContext?.custom });
  const response = await fetch(process.env.NOTES, { method: "POST", body });
  if (!response.ok) {
    throw new Error(`status ${response.status}`);
  }
  return { noted: true };
};
