#include <stdio.h>
#include <stdlib.h>

#include "reader.h"
#include "report.h"
#include "table.h"

int main(int argc, char **argv)
{
    struct table table;
    char word[WORD_MAX];
    size_t most = argc > 1 ? strtoul(argv[1], NULL, 10) : 10;
    int failed = table_init(&table, 4096);

    while (!failed && read_word(stdin, word))
        if (!is_stop_word(word))
            failed = table_add(&table, word);
    if (!failed)
        failed = report(&table, most, stdout);
    if (failed)
        fprintf(stderr, "out of memory\n");
    else
        table_free(&table);
    return failed ? 1 : 0;
}
