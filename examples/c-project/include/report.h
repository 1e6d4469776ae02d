#ifndef REPORT_H
#define REPORT_H

#include <stdio.h>

#include "table.h"

/* Print the `most` most frequent words, ties in alphabetical order. Returns 0, or -1 when out of memory. */
int report(const struct table *table, size_t most, FILE *file);

#endif
