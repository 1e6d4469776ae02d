#include "report.h"

#include <stdlib.h>
#include <string.h>

static int by_count(const void *left, const void *right)
{
    const struct entry *a = *(const struct entry *const *)left;
    const struct entry *b = *(const struct entry *const *)right;
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return strcmp(a->word, b->word);
}

int report(const struct table *table, size_t most, FILE *file)
{
    size_t found = 0;
    const struct entry **entries = malloc((table->used + 1) * sizeof *entries);
    if (!entries)
        return -1;
    for (size_t i = 0; i < table->size; i++)
        for (const struct entry *entry = table->buckets[i]; entry; entry = entry->next)
            entries[found++] = entry;
    qsort(entries, found, sizeof *entries, by_count);
    for (size_t i = 0; i < found && i < most; i++)
        fprintf(file, "%zu %s\n", entries[i]->count, entries[i]->word);
    free(entries);
    return 0;
}
