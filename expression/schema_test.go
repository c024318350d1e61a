package expression_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/eventgateway/eventgateway"
	"github.com/eventgateway/eventgateway/expression"
)

const orderSchema = `{"type":"object","properties":{
	"id":{"type":"string"},"customer":{"$ref":"#/$defs/customer"},
	"items":{"type":"array","items":{"properties":{"sku":{},"price":{"type":["number","null"]},"tags":{"items":{"properties":{"t":{}}}}}}},
	"pair":{"prefixItems":[{"properties":{"a":{}}},{"properties":{"b":{}}}]},
	"way":{"oneOf":[{"properties":{"post":{"properties":{"town":{}}}}},{"properties":{"mail":{}},"additionalProperties":false},{"type":"string"}]},
	"pay":{"properties":{"kind":{}},"if":{"properties":{"kind":{"const":"card"}}},"then":{"properties":{"card":{"properties":{"no":{}}}},"required":["card"]},
		"else":{"properties":{"iban":{}}}},
	"meta":{"patternProperties":{"^x-":{"properties":{"v":{}}}}},
	"closed":{"patternProperties":{"^x-":{}},"properties":{"y":{}},"additionalProperties":false},
	"prices":{"additionalProperties":{"properties":{"amount":{}}}},
	"free":{"type":"object"},"any":true,"none":false,
	"whole":{"allOf":[{"$ref":"#/$defs/named"},{"properties":{"age":{}}}],"unevaluatedProperties":false},
	"strict":{"allOf":[{"properties":{"a":{}},"additionalProperties":false},{"properties":{"b":{}}}]},
	"beside":{"$ref":"#/$defs/named","properties":{"more":{}}},
	"either":{"properties":{"a":{},"b":{}},"anyOf":[{"required":["a"]},{"required":["b"]}]},
	"dependent":{"properties":{"a":{}},"dependentSchemas":{"a":{"properties":{"b":{}}}}},
	"tree":{"$ref":"#/$defs/tree"},"far":{"$ref":"https://example.com/x"},"dynamic":{"$dynamicRef":"#x","properties":{"a":{}}},
	"a/b":{"properties":{"c":{}}},"by":{"$ref":"#/properties/a~1b"}
	},"$defs":{"customer":{"properties":{"name":{},"address":{"$ref":"#/$defs/address"}}},"address":{"properties":{"city":{}}},
	"named":{"properties":{"name":{}}},"tree":{"properties":{"v":{},"children":{"items":{"$ref":"#/$defs/tree"}}}}}}`

func TestSchemaProperties(t *testing.T) {
	scope := expression.Scope{Event: "order.placed", Schema: []byte(orderSchema)}
	accepted := strings.Split(`data.id == "x"
data.customer.address.city == "x"
data["customer"]["name"] == "x"
data.items[0].sku == "x"
data.items.exists(i, i.price > 1 && i.tags.all(t, t.t == 1))
data.items.exists(i, v, v.price > i)
data.items.filter(i, i.sku != "").size() > 0
data.pair[0].a == 1 && data.pair[1].b == 1
data.way.post.town == "x" || data.way.mail == "x"
data.pay.card.no == 1 || data.pay.iban == 1 || data.pay.kind == "x"
data.meta["x-a"].v == 1
data.closed["x-a"].what == 1 || data.closed.y == 1
data.prices.eur.amount == 1
data.prices.exists(k, data.prices[k].amount == 1)
data.free.what == 1 && data.any.what.ever == 1
data.whole.name == data.whole.age
data.strict.a == 1
data.beside.name == data.beside.more
data.either.a == data.either.b
data.dependent.a == data.dependent.b
data.tree.children[0].children[1].v == 1
data.far.what == 1 && data.dynamic.what == 1
data.by.c == 1
has(data.customer.name) && data.?customer.?name.orValue("") == ""
data == null || data.exists(k, k == "id")
event.extensions.data == 1 && {"data": {"x": 1}}.data.x == 1
[1].exists(data, data == 1)`, "\n")
	for _, source := range accepted {
		if _, err := expression.Compile(expression.Filter, "filter", source, scope); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
	for source, want := range map[string]string{
		`data.idd == "x"`:                              `1:5: "data.idd": the schema of the event type has no such property: want one of a/b, any, beside, by, closed, customer, dependent, dynamic, either, far, free, id, items, meta, none, pair, pay, prices, strict, tree, … (22 in all)`,
		`data.customer.adress.city == "x"`:             `1:14: "data.customer.adress": the schema of the event type has no such property: want one of address, name`,
		`data.customer.address.town == "x"`:            `"data.customer.address.town": the schema of the event type has no such property: want one of city`,
		`data["customer"].nam == "x"`:                  `"data.customer.nam"`,
		`data.id.x == "x"`:                             `"data.id.x": the schema of the event type has no such property`,
		`data.items.sku == "x"`:                        `"data.items.sku"`,
		`data.items[0].suk == "x"`:                     `"data.items[].suk": the schema of the event type has no such property: want one of price, sku, tags`,
		`data.items.exists(i, i.prize > 1)`:            `1:23: "data.items[].prize"`,
		`data.items.exists(i, v, v.prize > 1)`:         `"data.items[].prize"`,
		`data.items.all(i, i.tags.all(t, t.x == 1))`:   `"data.items[].tags[].x"`,
		`data.items.map(i, i.skuu) == []`:              `"data.items[].skuu"`,
		`data.pair[0].c == 1`:                          `"data.pair[].c"`,
		`data.way.post.twon == "x"`:                    `"data.way.post.twon"`,
		`data.way.fax == "x"`:                          `"data.way.fax": the schema of the event type has no such property: want one of mail, post`,
		`data.pay.crad == 1`:                           `"data.pay.crad": the schema of the event type has no such property: want one of card, iban, kind`,
		`data.pay.card.nu == 1`:                        `"data.pay.card.nu"`,
		`data.meta["x-a"].w == 1`:                      `"data.meta.x-a.w"`,
		`data.closed.z == 1`:                           `"data.closed.z": the schema of the event type has no such property: want one of y`,
		`data.prices.eur.amuont == 1`:                  `"data.prices.eur.amuont"`,
		`data.none.a == 1`:                             `"data.none.a"`,
		`data.whole.nam == 1`:                          `"data.whole.nam": the schema of the event type has no such property: want one of age, name`,
		`data.strict.b == 1`:                           `"data.strict.b"`,
		`data.beside.les == 1`:                         `"data.beside.les": the schema of the event type has no such property: want one of more, name`,
		`data.either.c == 1`:                           `"data.either.c"`,
		`data.dependent.c == 1`:                        `"data.dependent.c"`,
		`data.tree.children[0].children[1].w == 1`:     `"data.tree.children[].children[].w"`,
		`data.by.d == 1`:                               `"data.by.d"`,
		`has(data.customer.nom)`:                       `"data.customer.nom"`,
		`data.?customer.?nom.orValue("") == ""`:        `"data.customer.nom"`,
		`[1].exists(x, data.customer.nom == "x")`:      `"data.customer.nom"`,
		`{"a": [data.customer.nom]}.a == ["x"]`:        `"data.customer.nom"`,
		`event.type.startsWith(data.customer.nom)`:     `"data.customer.nom"`,
		`data.items.exists(i, request.path == i.sku)`:  `request: only http events have it: want event or data for event "order.placed"`,
		`true ? data.customer.nom == 1 : data.id == 1`: `"data.customer.nom"`,
	} {
		_, err := expression.Compile(expression.Filter, "filter", source, scope)
		if err == nil || !strings.Contains(err.Error(), want) || eventgateway.KindOf(err) != eventgateway.Invalid {
			t.Errorf("%s:\n got %v\nwant %s", source, err, want)
		}
	}
}

// TestSchemaOfAllExpressions shows that no expression of a subscription is left out.
func TestSchemaOfAllExpressions(t *testing.T) {
	scope := expression.Scope{Schema: []byte(`{"properties":{"id":{}}}`)}
	for _, s := range []eventgateway.Transforms{
		{Transform: `{"id": data.di}`},
		{ResponseTransform: `data.di`},
		{Headers: map[string]string{"X-Id": `data.di`}},
	} {
		err := expression.CheckTransforms(&eventgateway.Subscription{Transforms: s}, scope)
		if err == nil || !strings.Contains(err.Error(), `"data.di"`) {
			t.Errorf("%+v: %v", s, err)
		}
	}
	_, err := expression.Compile(expression.Transform, "delivery.orderingKey", `data.di`, scope)
	if err == nil || !strings.HasPrefix(err.Error(), `delivery.orderingKey: 1:5: "data.di"`) {
		t.Errorf("ordering key: %v", err)
	}
}

func TestWildcardScope(t *testing.T) {
	for _, event := range []string{"*", "user.*", "http*", "gateway.*"} {
		_, err := expression.Compile(expression.Filter, "filter", `request.path == "/"`, expression.Scope{Event: event})
		if err == nil || !strings.Contains(err.Error(), "only http events have it") {
			t.Errorf("%s: %v", event, err)
		}
	}
}

func TestOlderDraft(t *testing.T) {
	const draft7 = `{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"a":{"$ref":"#/definitions/x","additionalProperties":false},
		"l":{"items":[{"properties":{"p":{}}}],"additionalItems":{"properties":{"q":{}}}}},"definitions":{"x":{"properties":{"y":{}}}}}`
	for source, ok := range map[string]bool{
		`data.a.y == 1`: true, `data.a.z == 1`: false, `data.l[0].p == 1`: true, `data.l[1].q == 1`: true, `data.l[0].r == 1`: false,
	} {
		if _, err := expression.Compile(expression.Filter, "filter", source, expression.Scope{Schema: []byte(draft7)}); (err == nil) != ok {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// TestHostileSchemaScope shows that a schema cannot make the check of an expression long: what would be is taken to allow all.
func TestHostileSchemaScope(t *testing.T) {
	var defs []string
	for i := range 200 {
		defs = append(defs, fmt.Sprintf(`"a%d":{"anyOf":[{"$ref":"#/$defs/a%d"},{"$ref":"#/$defs/a%d"}],"items":{"$ref":"#"}}`, i, (i+1)%200, (i+1)%200))
	}
	text := `{"$ref":"#/$defs/a0","$defs":{` + strings.Join(defs, ",") + `}}`
	for _, source := range []string{`data.x.y == 1`, `data[0][1].x == 1`} {
		if _, err := expression.Compile(expression.Filter, "filter", source, expression.Scope{Schema: []byte(text)}); err != nil {
			t.Errorf("%s: %v", source, err)
		}
	}
	if problem := expression.NewSchema([]byte(`no JSON`)).Lacks([]string{"a"}, false); problem != "" {
		t.Errorf("without a schema: %s", problem)
	}
}
