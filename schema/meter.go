package schema

// What a validation may cost. A unit of work takes a microsecond or less.
const (
	workAtLeast = 100_000
	workPerByte = 2
	// memoryForErrors bounds the memory of what is wrong with one value, in bytes. The library notes all of it, each with the
	// path to it.
	memoryForErrors = 64 << 20
	memoryPerError  = 400
	memoryPerLevel  = 20
)

// meter counts the work that is left for a validation. The library cannot be told to stop but by a panic.
type meter struct {
	left int
	// tracks is set if the schema has unevaluatedProperties or unevaluatedItems: then each schema that is applied to a value looks
	// at everything in it.
	tracks bool
}

type exhausted struct{}

func (m *meter) spend(work int) {
	if m.left -= work; m.left < 0 {
		panic(exhausted{})
	}
}
