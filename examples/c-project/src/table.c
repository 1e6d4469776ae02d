#include "table.h"

#include <stdlib.h>
#include <string.h>

static size_t hash(const char *word)
{
    size_t value = 5381;
    while (*word)
        value = value * 33 + (unsigned char)*word++;
    return value;
}

static struct entry *find(const struct table *table, const char *word)
{
    struct entry *entry = table->buckets[hash(word) % table->size];
    while (entry && strcmp(entry->word, word) != 0)
        entry = entry->next;
    return entry;
}

int table_init(struct table *table, size_t size)
{
    table->size = size;
    table->used = 0;
    table->buckets = calloc(size, sizeof *table->buckets);
    return table->buckets ? 0 : -1;
}

int table_add(struct table *table, const char *word)
{
    struct entry *entry = find(table, word);
    if (!entry) {
        size_t length = strlen(word) + 1;
        struct entry **bucket = &table->buckets[hash(word) % table->size];
        entry = malloc(sizeof *entry);
        if (!entry)
            return -1;
        entry->word = malloc(length);
        if (!entry->word) {
            free(entry);
            return -1;
        }
        memcpy(entry->word, word, length);
        entry->count = 0;
        entry->next = *bucket;
        *bucket = entry;
        table->used++;
    }
    entry->count++;
    return 0;
}

size_t table_count(const struct table *table, const char *word)
{
    const struct entry *entry = find(table, word);
    return entry ? entry->count : 0;
}

void table_free(struct table *table)
{
    for (size_t i = 0; i < table->size; i++) {
        struct entry *entry = table->buckets[i];
        while (entry) {
            struct entry *next = entry->next;
            free(entry->word);
            free(entry);
            entry = next;
        }
    }
    free(table->buckets);
}
