# Prints the modules that the image of the board has, frozen or built in.
help("modules")
