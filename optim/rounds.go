package optim

// Steps in rounds. A rule that measures a parameter before it moves it goes over weights and gradient twice. Where its update needs the sums of one
// parameter alone, parameters are measured and updated a few at a time, so that the second visit finds the round in a cache. Bits are those of measuring
// everything first. The order within a visit makes no difference: from behind, or in blocks from behind, was as fast at best, also where a
// parameter fills no cache.

// roundSize is how many elements a round has at most, but for one of a single parameter: weights and gradient in float32 are 2 MB.
const roundSize = 1 << 18

// round is some neighboring parameters.
type round struct {
	grouped
	first, last int // members
}

// cutRounds makes rounds where some rule measures and none needs a sum over all parameters.
func (p *program[T]) cutRounds() {
	measures := false
	for _, set := range p.s.settings {
		if set.info.Sums > 0 && !set.info.Apart {
			return
		}
		measures = measures || set.info.Sums > 0
	}
	if !measures {
		return
	}
	members := p.s.members
	for first, last := 0, 0; first < len(members); first = last {
		size := 0
		for last = first; last < len(members) && (last == first || size+members[last].Size() <= roundSize); last++ {
			size += members[last].Size()
		}
		p.rounds = append(p.rounds, round{p.group(members[first].first, members[last-1].last), first, last})
	}
}

// stepInRounds measures and updates all members, a round after the other. It returns false, with nothing done, where that is not possible.
func (p *program[T]) stepInRounds() bool {
	if p.rounds == nil {
		return false
	}
	for _, total := range p.s.totals {
		clear(total)
	}
	for i := range p.rounds {
		r := &p.rounds[i]
		for law := range p.s.totals {
			if len(p.s.totals[law]) > 0 {
				p.measureOf(law, &r.grouped, r.first, r.last)
			}
		}
		p.prepareOf(r.first, r.last)
		p.eachOf(&r.grouped, &p.tasks.update)
	}
	return true
}
