package optim

// The survey's Figure 2, which it took from P. Wirth's article "Which optimizer should I use for my ML project?", word for word, with what
// we hold to be wrong in it marked and reasons given. Our own account is in each rule's Info.

// SurveyRow is one optimizer in the survey's Figure 2.
type SurveyRow struct {
	Name                  string
	State                 string // of memory in bytes; n is the number of weights, each of float32
	Tunable               int
	Strengths, Weaknesses []string
	Corrections           []Correction
}

// Correction is an entry of a row that does not hold.
type Correction struct {
	Says  string // the entry: State, Tunable as text, or a line of Strengths or Weaknesses
	Holds string // what is true in its place, and why
}

func surveyRow(name string) SurveyRow {
	for _, r := range figure2() {
		if r.name == name {
			return r.SurveyRow
		}
	}
	return SurveyRow{}
}

type namedRow struct {
	name string // on our list
	SurveyRow
}

func figure2() []namedRow {
	const (
		sparse     = "Works well on data with sparse features"
		generalize = "Generalizes worse, converges to sharp minima"
		decays     = "Automatically decays learning rate"
		memory     = "Requires a lot of memory for the state"
		momentum   = "Built in Momentum"
	)
	contested := Correction{generalize, "contested: worse than tuned momentum in Wilson and others 2017, level or better where epsilon, decay and " +
		"schedule are tuned too (Choi and others 2019); sharpness depends on how weights are scaled (Dinh and others 2017)"}
	return []namedRow{
		{"sgd", SurveyRow{
			Name: "SGD", State: "0", Tunable: 1,
			Strengths:  []string{"Often best generalization (after extensive training)"},
			Weaknesses: []string{"Prone to saddle points or local minima", "Sensitive to initialization and choice of the learning rate α"},
			Corrections: []Correction{
				{"Prone to saddle points or local minima", "plateaus, saddle points and ill-conditioning; poor local minima are rare (Rumelhart, " +
					"Hinton and Williams 1986; Dauphin and others 2014), and noise helps to leave them"},
			},
		}},
		{"momentum", SurveyRow{
			Name: "SGD with Momentum", State: "4n", Tunable: 2,
			Strengths:  []string{"Accelerates in directions of steady descent", "Overcomes weaknesses of simple SGD"},
			Weaknesses: []string{"Sensitive to initialization of the learning rate α and momentum β"},
		}},
		{"adagrad", SurveyRow{
			Name: "AdaGrad", State: "~4n", Tunable: 1,
			Strengths:  []string{sparse, decays},
			Weaknesses: []string{generalize, "Gradients may vanish due to aggressive scaling"},
			Corrections: []Correction{
				{"1", "3: learning rate, epsilon, and the sum at first"},
				contested,
				{"Gradients may vanish due to aggressive scaling", "steps shrink, like 1/sqrt(t) under gradients of one size; gradients are untouched"},
			},
		}},
		{"rmsprop", SurveyRow{
			Name: "RMSprop", State: "~4n", Tunable: 3,
			Strengths:  []string{sparse, momentum},
			Weaknesses: []string{generalize},
			Corrections: []Correction{
				{momentum, "as published it has none; with the option the state is 8n and there are 4 values to tune, centered 4n more"},
				contested,
			},
		}},
		{"adam", SurveyRow{
			Name: "Adam", State: "~8n", Tunable: 3,
			Strengths:  []string{sparse, "Good default settings", "Automatically decays learning rate α"},
			Weaknesses: []string{generalize, memory},
			Corrections: []Correction{
				{"3", "4: learning rate, beta1, beta2, epsilon"},
				{"Automatically decays learning rate α", "it normalizes the gradient; the rate does not fall. Of these rules only AdaGrad's does"},
				contested,
			},
		}},
		{"adamw", SurveyRow{
			Name: "AdamW", State: "~8n", Tunable: 3,
			Strengths:   []string{"Improves on Adam in terms of generalization", "Broader basin of optimal hyperparameters"},
			Weaknesses:  []string{memory},
			Corrections: []Correction{{"3", "5: Adam's 4 and the weight decay"}},
		}},
		{"lars", SurveyRow{
			Name: "LARS", State: "~4n", Tunable: 3,
			Strengths:  []string{"Works well on large batches (up to 32k)", "Counteracts vanishing and exploding gradients", momentum},
			Weaknesses: []string{"Computing norm of gradient for each layer can be inefficient"},
			Corrections: []Correction{
				{"3", "4: learning rate, momentum, trust coefficient, weight decay"},
				{"Counteracts vanishing and exploding gradients", "it sets the length of each layer's step; the signal that is propagated back is unchanged"},
			},
		}},
	}
}
