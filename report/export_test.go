package report

// WidthFunc is Width for a terminal that is resized.
func WidthFunc(columns func() int) Option { return func(c *console) { c.size = columns } }
