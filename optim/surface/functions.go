package surface

// The functions. Products are converted before they are added, as in the portable kernels: some processors would fuse the two, and a path
// would differ in its last digits from one machine to another.
//
// Rates are those at which the rules show what they are: for SGD on the ravine close to the largest at which it converges, for most others of
// 1, 2, 5 times a power of ten one that is near the best. Where a rule has no rate here, none is good, and its own default does.

import (
	"fmt"
	"math"
)

// usualCondition of the ravine: above about 35, momentum 0.9 beats SGD at its best rate.
const usualCondition = 100

// Ravine is the quadratic bowl (x² + condition y²)/2, which curves condition times as much in y as in x: what the survey's section 3.2 and
// Figure 1 tell of. SGD converges for rates below 2/condition, fastest at 2/(1+condition). Condition must be at least 1 and at most 1e6.
func Ravine(condition float64) (Function, error) {
	if !(condition >= 1 && condition <= 1e6) {
		return Function{}, fmt.Errorf("condition number %v: a number in [1, 1e6] is wanted", condition)
	}
	k := condition
	return Function{
		Name:    "ravine",
		Formula: fmt.Sprintf("(x² + %s y²)/2", spelled(k)),
		Source:  "Sutton 1986; Ruder 2016, arXiv 1609.04747, figure 2",
		Value:   func(x []float64) float64 { return (float64(x[0]*x[0]) + float64(k*float64(x[1]*x[1]))) / 2 },
		Gradient: func(x, to []float64) {
			to[0], to[1] = x[0], k*x[1]
		},
		Start:     []float64{-10, 1},
		Minima:    [][]float64{{0, 0}},
		Region:    Region{[2]float64{-11, -2}, [2]float64{3, 2}},
		Condition: k,
		Steps:     400,
		Rates: map[string]float64{
			"sgd": 1.9 / k, "momentum": 0.3 / k, "nesterov": 0.3 / k,
			"adagrad": 2, "rmsprop": 0.1, "adam": 0.5, "adamw": 0.5, "amsgrad": 0.5, "lars": 5,
		},
	}, nil
}

// condition is the ratio of the eigenvalues of a symmetric matrix of two rows, from its trace and determinant.
func condition(trace, determinant float64) float64 {
	large := (trace + math.Sqrt(trace*trace-4*determinant)) / 2
	return large * large / determinant
}

func spelled(x float64) string { return fmt.Sprintf("%g", x) }

// rosenbrock is the valley along a parabola: its walls are found at once, the way along its bottom is long.
func rosenbrock() Function {
	return Function{
		Name:    "rosenbrock",
		Formula: "(1 - x)² + 100 (y - x²)²",
		Source:  "Rosenbrock 1960, The Computer Journal 3, 175-184",
		Value: func(x []float64) float64 {
			a, b := 1-x[0], x[1]-float64(x[0]*x[0])
			return float64(a*a) + float64(100*float64(b*b))
		},
		Gradient: func(x, to []float64) {
			a, b := 1-x[0], x[1]-float64(x[0]*x[0])
			to[0], to[1] = float64(-2*a)-float64(400*float64(x[0]*b)), 200*b
		},
		Start:     []float64{-1.2, 1},
		Minima:    [][]float64{{1, 1}},
		Region:    Region{[2]float64{-1.8, -0.6}, [2]float64{1.6, 1.8}},
		Condition: condition(1002, 400),
		Steps:     2000,
		Rates: map[string]float64{
			"sgd": 0.001, "momentum": 0.001, "nesterov": 0.001,
			"adagrad": 0.5, "rmsprop": 0.01, "adam": 0.1, "adamw": 0.1, "amsgrad": 0.2, "lars": 2,
		},
	}
}

// beale is flat around its minimum and steep at the corners.
func beale() Function {
	return Function{
		Name:    "beale",
		Formula: "(1.5 - x + x y)² + (2.25 - x + x y²)² + (2.625 - x + x y³)²",
		Source:  "Beale 1958; Moré, Garbow and Hillstrom 1981, number 5",
		Value: func(x []float64) float64 {
			sum, power := 0.0, 1.0
			for _, c := range bealeTerms {
				power *= x[1]
				r := c - float64(x[0]*(1-power))
				sum += float64(r * r)
			}
			return sum
		},
		Gradient: func(x, to []float64) {
			to[0], to[1] = 0, 0
			power := 1.0
			for i, c := range bealeTerms {
				before := power
				power *= x[1]
				r := c - float64(x[0]*(1-power))
				to[0] -= float64(2 * r * (1 - power))
				to[1] += float64(2 * r * x[0] * float64(i+1) * before)
			}
		},
		Start:     []float64{1, 1},
		Minima:    [][]float64{{3, 0.5}},
		Region:    Region{[2]float64{-0.5, -1.5}, [2]float64{4.5, 1.7}},
		Condition: condition(24.640625, 3.69140625),
		Steps:     1000,
		Rates: map[string]float64{
			"sgd": 0.02, "momentum": 0.01, "nesterov": 0.005,
			"adagrad": 0.5, "adadelta": 0.5, "rmsprop": 0.01, "adam": 0.1, "adamw": 0.1, "amsgrad": 0.1, "lars": 1,
		},
	}
}

var bealeTerms = [...]float64{1.5, 2.25, 2.625}

// saddle falls along y and rises along x. The start is a millionth beside the line y = 0, where the gradient would never lead away.
func saddle() Function {
	return Function{
		Name:    "saddle",
		Formula: "x² - y²",
		Source:  "Ruder 2016, arXiv 1609.04747, figure 5",
		Value:   func(x []float64) float64 { return float64(x[0]*x[0]) - float64(x[1]*x[1]) },
		Gradient: func(x, to []float64) {
			to[0], to[1] = 2*x[0], -2*x[1]
		},
		Start:  []float64{-1.5, 1e-6},
		Least:  math.Inf(-1),
		Region: Region{[2]float64{-2, -1.2}, [2]float64{2, 1.2}},
		Steps:  60,
		Rates: map[string]float64{
			"sgd": 0.1, "momentum": 0.1, "nesterov": 0.1,
			"adagrad": 0.1, "rmsprop": 0.1, "adam": 0.1, "adamw": 0.1, "amsgrad": 0.1,
		},
	}
}

// himmelblau has four minima of the same value.
func himmelblau() Function {
	return Function{
		Name:    "himmelblau",
		Formula: "(x² + y - 11)² + (x + y² - 7)²",
		Source:  "Himmelblau 1972, Applied Nonlinear Programming",
		Value: func(x []float64) float64 {
			a, b := float64(x[0]*x[0])+x[1]-11, x[0]+float64(x[1]*x[1])-7
			return float64(a*a) + float64(b*b)
		},
		Gradient: func(x, to []float64) {
			a, b := float64(x[0]*x[0])+x[1]-11, x[0]+float64(x[1]*x[1])-7
			to[0], to[1] = float64(4*a*x[0])+float64(2*b), float64(2*a)+float64(4*b*x[1])
		},
		Start: []float64{1, 1},
		// The last three to 16 digits: roots of a polynomial of degree nine.
		Minima: [][]float64{{3, 2}, {-2.805118086952745, 3.131312518250573}, {-3.779310253377747, -3.283185991286170}, {3.584428340330492, -1.848126526964404}},
		Region: Region{[2]float64{-5.5, -5}, [2]float64{5.5, 5}},
		Steps:  200,
		Rates: map[string]float64{
			"sgd": 0.01, "momentum": 0.005, "nesterov": 0.01,
			"adagrad": 1, "adadelta": 10, "rmsprop": 0.02, "adam": 0.1, "adamw": 0.1, "amsgrad": 0.1, "lars": 1,
		},
	}
}

// booth is a quadratic bowl whose axes are not those of the variables.
func booth() Function {
	return Function{
		Name:    "booth",
		Formula: "(x + 2 y - 7)² + (2 x + y - 5)²",
		Source:  "Jamil and Yang 2013, arXiv 1308.4008, number 17",
		Value: func(x []float64) float64 {
			a, b := x[0]+float64(2*x[1])-7, float64(2*x[0])+x[1]-5
			return float64(a*a) + float64(b*b)
		},
		Gradient: func(x, to []float64) {
			a, b := x[0]+float64(2*x[1])-7, float64(2*x[0])+x[1]-5
			to[0], to[1] = float64(2*a)+float64(4*b), float64(4*a)+float64(2*b)
		},
		Start:     []float64{-6, 0},
		Minima:    [][]float64{{1, 3}},
		Region:    Region{[2]float64{-8, -4}, [2]float64{8, 8}},
		Condition: 9, // curvatures 18 and 2
		Steps:     200,
		Rates: map[string]float64{
			"sgd": 0.05, "momentum": 0.02, "nesterov": 0.02,
			"adagrad": 5, "rmsprop": 0.05, "adam": 0.5, "adamw": 0.5, "amsgrad": 0.5,
		},
	}
}
