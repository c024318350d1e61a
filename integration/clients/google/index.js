// Functions on Google Cloud, as people write them with Google's framework.
const functions = require('@google-cloud/functions-framework');

// greet answers an http event of the gateway; Express has parsed the event already.
functions.http('greet', (req, res) => {
  const { event, data } = req.body;
  res.json({
    statusCode: 201,
    headers: { 'X-Framework': 'node' },
    body: `${data.body.greeting}, ${data.params.name} (${event} ${data.method})`,
  });
});

// note writes what it gets of a CloudEvent, one line each; it has no answer. An event of type "refused" it does not take.
functions.cloudEvent('note', (event) => {
  if (event.type === 'refused') {
    throw new Error('an event of this type is not wanted');
  }
  console.log(JSON.stringify(event));
});
