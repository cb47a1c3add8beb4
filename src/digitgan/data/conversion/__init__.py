"""Conversion of what readers find to the form of an `ImageSet`: decoding, values, sizes, colours, backgrounds, labels."""
