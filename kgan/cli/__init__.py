"""The work of the commands: `kgan_command` reads the arguments and calls what is here."""
