module github.com/descent-go/descent/internal/kernel/_neon

go 1.26.0
