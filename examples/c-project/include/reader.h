#ifndef READER_H
#define READER_H

#include <stddef.h>
#include <stdio.h>

/* Words longer than this are cut. */
#define WORD_MAX 64

/* The next word in lower case; 0 at the end of the file. */
int read_word(FILE *file, char word[WORD_MAX]);

/* Is it one of those words that say nothing about a text? */
int is_stop_word(const char *word);

#endif
