#ifndef TABLE_H
#define TABLE_H

#include <stddef.h>

/* Counts strings. */
struct entry {
    char *word;
    size_t count;
    struct entry *next;
};

struct table {
    struct entry **buckets;
    size_t size;
    size_t used;
};

/* Returns 0, or -1 when out of memory. */
int table_init(struct table *table, size_t size);
int table_add(struct table *table, const char *word);

size_t table_count(const struct table *table, const char *word);
void table_free(struct table *table);

#endif
