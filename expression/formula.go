package expression

// Op says what a Formula is.
type Op uint8

// The kinds of formulas.
const (
	// Opaque is what only the whole program can answer.
	Opaque Op = iota
	// And is true if all of Args are.
	And
	// Or is true if one of Args is.
	Or
	// Equal is true if the value at Path is there and equals one of Values.
	Equal
	// NotEqual is true if the value at Path is there and equals none of Values.
	NotEqual
	// Less is true if the value at Path is a number less than Values[0]; and so on.
	Less
	LessEqual
	Greater
	GreaterEqual
	// Prefix is true if the value at Path is a string that starts with Values[0].
	Prefix
	// NotPrefix is true if it is a string that does not.
	NotPrefix
	// Suffix is true if the value at Path is a string that ends with Values[0].
	Suffix
	// NotSuffix is true if it is a string that does not.
	NotSuffix
	// Exists is true if there is a value at Path, null included.
	Exists
	// NotExists is true if there is a value at Path without its last name that may have members and has none of that name.
	NotExists
)

// Formula is what a filter says, as far as it can be said by comparing single values of the event with constants. A filter is
// true of exactly those events its formula is true of, where an Opaque part is as true as the whole filter, which is at
// most as true as the rest. Errors are false; there is no negation left, so that makes no difference.
type Formula struct {
	Op Op
	// Args are the parts of And and Or.
	Args []Formula
	// Path is where the value is: "data", "event" or "request", and the names from there.
	Path []string
	// Values are a nil, bool, int64, uint64, float64 or string each.
	Values []any
}

// exact reports whether no part is opaque.
func (f Formula) exact() bool {
	for _, arg := range f.Args {
		if !arg.exact() {
			return false
		}
	}
	return f.Op != Opaque
}
