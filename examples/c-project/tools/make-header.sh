# Prints a C array of the words in a file, one a line: sh make-header.sh LIST
printf 'static const char *const stop_words[] = {\n'
sed -e '/^$/d' -e 's/.*/    "&",/' "$1"
printf '};\n'
