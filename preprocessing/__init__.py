"""The pipelines, one a file, under TF-Slim's file names."""
