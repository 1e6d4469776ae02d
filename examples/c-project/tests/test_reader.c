#include <assert.h>
#include <string.h>

#include "reader.h"

int main(void)
{
    char word[WORD_MAX];
    FILE *file = tmpfile();
    assert(file);
    fputs("The Oak,42 elms!\n", file);
    rewind(file);
    assert(read_word(file, word) && strcmp(word, "the") == 0 && is_stop_word(word));
    assert(read_word(file, word) && strcmp(word, "oak") == 0 && !is_stop_word(word));
    assert(read_word(file, word) && strcmp(word, "elms") == 0);
    assert(!read_word(file, word));
    fclose(file);
    return 0;
}
