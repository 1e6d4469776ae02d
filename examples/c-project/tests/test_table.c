#include <assert.h>

#include "table.h"

int main(void)
{
    struct table table;
    assert(table_init(&table, 2) == 0); /* few buckets, so that words share them */
    assert(table_count(&table, "oak") == 0);
    for (int i = 0; i < 3; i++)
        assert(table_add(&table, "oak") == 0);
    assert(table_add(&table, "elm") == 0);
    assert(table_add(&table, "ash") == 0);
    assert(table_count(&table, "oak") == 3);
    assert(table_count(&table, "elm") == 1);
    assert(table_count(&table, "yew") == 0);
    assert(table.used == 3);
    table_free(&table);
    return 0;
}
