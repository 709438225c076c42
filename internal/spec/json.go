package spec

// This file reads JSON strictly and with positions. encoding/json takes duplicate keys, repairs broken UTF-8 and halves
// of surrogate pairs silently, and gives no column; a configuration that alone repeats a run deserves better, and the
// grammar is small.

// ParseJSON reads one JSON document: duplicate keys, trailing data, invalid UTF-8 and anything over the limits are
// refused. source is the file's name for positions. The error is an Errors.
func ParseJSON(source string, data []byte) (Value, error) {
	if len(data) > MaxBytes { // before the copy into a string
		return Value{}, Errors{errorAt(Pos{Source: source}, "found %d bytes, wanted at most %d", len(data), MaxBytes)}
	}
	s, err := check(source, string(data))
	if err != nil {
		return Value{}, Errors{err}
	}
	p := jsonParser{cursor{s: s, at: Pos{Source: source, Line: 1, Col: 1}}}
	p.space()
	v, err := p.value(0)
	if err == nil {
		if p.space(); p.i < len(s) {
			err = errorAt(p.at, "found %s after the document, wanted the end", p.next())
		}
	}
	if err != nil {
		return Value{}, Errors{err}
	}
	return v, nil
}

type jsonParser struct{ cursor }

func (p *jsonParser) value(depth int) (v Value, err *Error) {
	if err := p.count(depth); err != nil {
		return v, err
	}
	v.Pos = p.at
	switch p.peek() {
	case '"':
		v.Kind, v.Pos.Col = String, v.Pos.Col+1 // positions in text inside the string count from after the quote
		v.Text, err = p.quoted()
		return v, err
	case '[':
		return p.list(v, depth)
	case '{':
		return p.object(v, depth)
	}
	n := p.i
	for n < len(p.s) && isJSONWord(p.s[n]) {
		n++
	}
	word := p.s[p.i:n]
	v = Bare(word, v.Pos)
	if word == "" || v.Kind == String || v.Kind == Number && canonicalNumber(word) != word {
		if word == "" {
			return v, errorAt(p.at, "found %s, wanted a JSON value", p.next())
		}
		return v, errorAt(p.at, "found %s, wanted a JSON value; text stands in double quotes", quote(word))
	}
	p.step(n - p.i)
	return v, nil
}

func isJSONWord(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '.' || b == '+' || b == '-' || b == '_'
}

func (p *jsonParser) list(v Value, depth int) (Value, *Error) {
	v.Kind = List
	p.step(1)
	if p.space(); p.take(']') {
		return v, nil
	}
	for {
		p.space()
		item, err := p.value(depth + 1)
		if err != nil {
			return v, err
		}
		v.Items = append(v.Items, item)
		p.space()
		if p.take(']') {
			return v, nil
		}
		if !p.take(',') {
			return v, errorAt(p.at, `found %s, wanted "," or "]"`, p.next())
		}
	}
}

func (p *jsonParser) object(v Value, depth int) (Value, *Error) {
	v.Kind = Map
	p.step(1)
	if p.space(); p.take('}') {
		return v, nil
	}
	seen := map[string]bool{}
	for {
		p.space()
		at := p.at
		if p.peek() != '"' {
			return v, errorAt(at, "found %s, wanted a key in double quotes", p.next())
		}
		key, err := p.quoted()
		if err != nil {
			return v, err
		}
		if seen[key] {
			return v, errorAt(at, "found the key %s twice", quote(key))
		}
		seen[key] = true
		if p.space(); !p.take(':') {
			return v, errorAt(p.at, `found %s, wanted ":" after the key %s`, p.next(), quote(key))
		}
		p.space()
		item, err := p.value(depth + 1)
		if err != nil {
			return v, err
		}
		v.Pairs = append(v.Pairs, Pair{key, at, item})
		p.space()
		if p.take('}') {
			return v, nil
		}
		if !p.take(',') {
			return v, errorAt(p.at, `found %s, wanted "," or "}"`, p.next())
		}
	}
}
