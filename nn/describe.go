package nn

import (
	"github.com/descent-go/descent/internal/spec"
)

// Describe writes a layer or a loss as JSON that [Described] or [DescribedLoss] reads back: what a saved model holds beside its weights. A
// layer of the user's own must be registered.
func Describe(l Layer) ([]byte, error) {
	v, err := spec.NewSet(Lists()...).Encode(l)
	if err != nil {
		return nil, err
	}
	return v.JSON(), nil
}

// Described reads a layer that Describe wrote. Source is what errors call the text.
func Described(source string, text []byte) (Layer, error) {
	v, err := spec.ParseJSON(source, text)
	if err != nil {
		return nil, err
	}
	return spec.Decode[Layer](spec.NewSet(Lists()...), v)
}

// DescribedLoss reads a loss that Describe wrote.
func DescribedLoss(source string, text []byte) (Layer, error) {
	v, err := spec.ParseJSON(source, text)
	if err != nil {
		return nil, err
	}
	return spec.Decode[Layer](spec.NewSet(losses, layers, initializers), v)
}

// Parse reads a layer from one line: mlp(512, 512, dropout=0.2). Source is what errors call the text, such as a flag.
func Parse(source, text string) (Layer, error) {
	v, err := spec.ParseText(source, text)
	if err != nil {
		return nil, err
	}
	return spec.Decode[Layer](spec.NewSet(Lists()...), v)
}

// Text is a layer in one line as a user would type it: mlp(512, 512, dropout=0.2).
func Text(l Layer) string {
	v, err := spec.NewSet(Lists()...).EncodeShort(l, nil)
	if err != nil {
		return Kind(l)
	}
	return v.String()
}
