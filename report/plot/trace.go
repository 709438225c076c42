package plot

// Lines of equal value by marching squares: the function is known at the corners of a grid, and a line enters and leaves a cell on the edges
// whose ends lie on either side of the level. Cells are visited in order, so that the lines come out in one order.

import (
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
)

// grid holds a function's values at columns x rows points.
type grid struct {
	columns, rows int
	low, step     [2]float64
	value         []float64 // row by row
}

func newGrid(f func(x, y float64) float64, low, high [2]float64) *grid {
	g := &grid{columns: 601, rows: 401, low: low}
	g.step = [2]float64{(high[0] - low[0]) / float64(g.columns-1), (high[1] - low[1]) / float64(g.rows-1)}
	g.value = make([]float64, 0, g.columns*g.rows)
	for j := range g.rows {
		for i := range g.columns {
			x := g.point(i, j)
			g.value = append(g.value, f(x[0], x[1]))
		}
	}
	return g
}

func (g *grid) point(i, j int) [2]float64 {
	return [2]float64{g.low[0] + float64(i)*g.step[0], g.low[1] + float64(j)*g.step[1]}
}

func (g *grid) at(i, j int) float64 { return g.value[j*g.columns+i] }

// levelsOf spaces levels by equal factors: down from the largest distance to the least value, over four to five powers of ten.
func levelsOf(g *grid, least float64) []float64 {
	const decay, count = 0.4, 12 // a factor of 10^0.4
	middle, both := least, math.IsInf(least, -1)
	if both {
		middle = 0
	}
	most := 0.0
	for _, v := range g.value {
		if d := math.Abs(v - middle); !math.IsNaN(d) && !math.IsInf(d, 1) {
			most = max(most, d)
		}
	}
	if most == 0 {
		return nil
	}
	var levels []float64
	for i := range count {
		d := most * math.Pow(10, -decay*(float64(i)+0.5))
		levels = append(levels, middle+d)
		if both && i < count/2 {
			levels = append(levels, middle-d)
		} else if both {
			levels = levels[:len(levels)-1]
		}
	}
	if both {
		levels = append(levels, middle)
	}
	slices.Sort(levels)
	return levels
}

// An edge is a side of a cell: 2k is the one from point k to its right, 2k+1 the one upwards.
type edge int

// trace gives the lines of a level. A closed line ends at its first point.
func (g *grid) trace(level float64) [][][2]float64 {
	neighbors := map[edge][]edge{} // at most two each: a line goes on over an edge into one cell on either side
	var order []edge
	link := func(a, b edge) {
		for _, e := range []edge{a, b} {
			if neighbors[e] == nil {
				order = append(order, e)
			}
		}
		neighbors[a], neighbors[b] = append(neighbors[a], b), append(neighbors[b], a)
	}
	for j := range g.rows - 1 {
		for i := range g.columns - 1 {
			g.cell(i, j, level, link)
		}
	}
	var lines [][][2]float64
	done := map[edge]bool{}
	follow := func(e edge) {
		line := [][2]float64{g.crossing(e, level)}
		done[e] = true
		start, from := e, e
		for {
			next := edge(-1)
			for _, n := range neighbors[e] {
				if !done[n] {
					next = n
					break
				}
				if n == start && n != from && len(line) > 2 {
					line = append(line, line[0]) // around
				}
			}
			if next < 0 {
				break
			}
			from, e = e, next
			done[e] = true
			line = append(line, g.crossing(e, level))
		}
		lines = append(lines, line)
	}
	// Open lines from their ends first, then closed ones from anywhere.
	for _, e := range order {
		if len(neighbors[e]) == 1 && !done[e] {
			follow(e)
		}
	}
	for _, e := range order {
		if !done[e] {
			follow(e)
		}
	}
	return lines
}

// cell links the edges of a cell that a level crosses.
func (g *grid) cell(i, j int, level float64, link func(a, b edge)) {
	v := [4]float64{g.at(i, j), g.at(i+1, j), g.at(i+1, j+1), g.at(i, j+1)} // around
	var above [4]bool
	n := 0
	for k, x := range v {
		if above[k] = x >= level; above[k] {
			n++
		}
	}
	if n == 0 || n == 4 || math.IsNaN(v[0]-v[0]+v[1]-v[1]+v[2]-v[2]+v[3]-v[3]) {
		return // no line, or one through what isn't finite
	}
	k := j*g.columns + i
	sides := [4]edge{edge(2 * k), edge(2*(k+1) + 1), edge(2 * (k + g.columns)), edge(2*k + 1)} // from corner n to n+1
	var crossed []edge
	for n := range 4 {
		if above[n] != above[(n+1)%4] {
			crossed = append(crossed, sides[n])
		}
	}
	switch len(crossed) {
	case 2:
		link(crossed[0], crossed[1])
	case 4:
		// A saddle within the cell: its middle says which corners belong together.
		if (v[0]+v[1]+v[2]+v[3])/4 >= level == above[0] {
			link(crossed[0], crossed[1])
			link(crossed[2], crossed[3])
		} else {
			link(crossed[3], crossed[0])
			link(crossed[1], crossed[2])
		}
	}
}

// crossing is where a level crosses an edge, on the straight line between the values at its ends.
func (g *grid) crossing(e edge, level float64) [2]float64 {
	k := int(e) / 2
	i, j := k%g.columns, k/g.columns
	from, x := g.at(i, j), g.point(i, j)
	along := int(e) % 2
	to := g.at(min(i+1-along, g.columns-1), min(j+along, g.rows-1))
	share := (level - from) / (to - from)
	x[along] += share * g.step[along]
	return x
}

// simplified leaves out points that lie within a distance of the line without them (Ramer 1972; Douglas and Peucker 1973).
func simplified(points []vg.Point, distance float64) []vg.Point {
	if len(points) < 3 {
		return points
	}
	keep := make([]bool, len(points))
	keep[0], keep[len(points)-1] = true, true
	spans := [][2]int{{0, len(points) - 1}}
	for len(spans) > 0 {
		first, last := spans[len(spans)-1][0], spans[len(spans)-1][1]
		spans = spans[:len(spans)-1]
		at, most := 0, distance
		for i := first + 1; i < last; i++ {
			if d := apart(points[i], points[first], points[last]); d > most {
				at, most = i, d
			}
		}
		if at > 0 {
			keep[at] = true
			spans = append(spans, [2]int{first, at}, [2]int{at, last})
		}
	}
	var list []vg.Point
	for i, k := range keep {
		if k {
			list = append(list, points[i])
		}
	}
	return list
}

// apart is the distance of a point from a stretch.
func apart(p, a, b vg.Point) float64 {
	dx, dy := float64(b.X-a.X), float64(b.Y-a.Y)
	px, py := float64(p.X-a.X), float64(p.Y-a.Y)
	if square := dx*dx + dy*dy; square > 0 {
		share := min(max((px*dx+py*dy)/square, 0), 1)
		px, py = px-share*dx, py-share*dy
	}
	return math.Hypot(px, py)
}
