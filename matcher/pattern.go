package matcher

// pattern is an EventBridge event pattern, as a tree of names. The names of its first level are data, event and request.
type pattern struct {
	// members are the patterns of an object's members: all must match.
	members []member
	// either are the lists of alternatives of $or: of each, one must match.
	either [][]*pattern
	// leaf are the tests of a value, one of which must pass; nil in an object.
	leaf []test
	// absent is set in a leaf that also matches where no value is.
	absent bool
}

type member struct {
	name    string
	pattern *pattern
}

// match reports whether a value matches; it means nothing unless it is there.
func (p *pattern) match(v any, there bool) bool {
	if p.leaf != nil || p.absent {
		values, passed := p.passes(v, there)
		return passed || !values && p.absent
	}
	if list, ok := v.([]any); ok && len(list) > 0 {
		for _, element := range list {
			if p.match(element, true) {
				return true
			}
		}
		return false
	}
	object, _ := v.(map[string]any)
	for _, m := range p.members {
		if v, there := object[m.name]; !m.pattern.match(v, there) {
			return false
		}
	}
	for _, alternatives := range p.either {
		if !matchOne(alternatives, v, there) {
			return false
		}
	}
	return true
}

func matchOne(alternatives []*pattern, v any, there bool) bool {
	for _, p := range alternatives {
		if p.match(v, there) {
			return true
		}
	}
	return false
}

// passes reports whether there are values, in lists and lists of lists too, and whether one passes a test.
func (p *pattern) passes(v any, there bool) (values, passed bool) {
	if list, ok := v.([]any); ok {
		for _, element := range list {
			some, one := p.passes(element, true)
			values, passed = values || some, passed || one
		}
		return values, passed
	}
	value := valueOf(v)
	if !there || !value.scalar() {
		return false, false
	}
	for i := range p.leaf {
		if p.leaf[i].pass(&value, true) {
			return true, true
		}
	}
	return true, false
}

// normalize returns the pattern's conditions; path leads to it.
func (p *pattern) normalize(path []string) disjunction {
	if p.leaf != nil || p.absent {
		return p.normalizeLeaf(fieldOf(path))
	}
	all := disjunction{[]conjunction{{}}, true}
	for _, m := range p.members {
		all = all.and(m.pattern.normalize(append(path[:len(path):len(path)], m.name)))
	}
	for _, alternatives := range p.either {
		one := disjunction{nil, true}
		for _, alternative := range alternatives {
			if one = one.or(alternative.normalize(path)); len(one.all) > maxConjunctions {
				one = open()
				break
			}
		}
		all = all.and(one)
	}
	return all
}

func (p *pattern) normalizeLeaf(at *field) disjunction {
	d := disjunction{nil, true}
	if len(p.leaf) > 0 {
		d.all = append(d.all, conjunction{newCondition(at, true, p.leaf)})
	}
	if p.absent {
		d.all = append(d.all, conjunction{newCondition(at, true, []test{{op: opAbsent}})})
	}
	return d
}

// joinsFields reports whether there are conditions that have to be true of the same elements of a list.
func joinsFields(d disjunction) bool {
	for _, c := range d.all {
		if len(c) > 1 {
			return true
		}
		for i := range c {
			if c[i].alone() == opAbsent {
				return true
			}
		}
	}
	return false
}
