"""Work that ends: training, processing and transform jobs."""
