"""What spark-submit runs: the command line, whose arguments follow this file's name."""

from stillwatch.__main__ import main

main()
