"""The model file, the lookup of models by name, and the generation of images in batches."""
