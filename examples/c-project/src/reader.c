#include "reader.h"

#include <ctype.h>
#include <string.h>

#include "stop_words.h"

int read_word(FILE *file, char word[WORD_MAX])
{
    size_t length = 0;
    int c;
    while ((c = getc(file)) != EOF) {
        if (isalpha(c)) {
            if (length < WORD_MAX - 1)
                word[length++] = (char)tolower(c);
        } else if (length > 0) {
            break;
        }
    }
    word[length] = '\0';
    return length > 0;
}

int is_stop_word(const char *word)
{
    for (size_t i = 0; i < sizeof stop_words / sizeof *stop_words; i++)
        if (strcmp(stop_words[i], word) == 0)
            return 1;
    return 0;
}
