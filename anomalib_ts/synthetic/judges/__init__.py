"""Networks that learn the labels of real rows and then look at generated ones."""
