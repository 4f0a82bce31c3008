/* A model that maml.cpp meta-trained, adapted in C to examples of one's own:

     maml export zoo/omniglot-5way-1shot --format embed --out omniglot.maml-adapt
     adapt_c omniglot.maml-adapt support.f32 query.f32 [adapted.maml-adapt]

   Both data files are floats as they lie in memory. Of the support set each row is its inputs, then its targets (one
   class number, or the values); of the queries the inputs alone. Prints a line of outputs for each query. The adapted
   model, if it is to be kept, takes the place of the first file in a later call, whose support set is then "-". */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "maml_adapt.h"

static void* check(void* memory, const char* what) {
  if (memory == NULL) {
    fprintf(stderr, "%s: there is not enough memory\n", what);
    exit(1);
  }
  return memory;
}

static void must(int status, const char* what) {
  if (status == MAML_ADAPT_OK) return;
  fprintf(stderr, "%s: %s\n", what, maml_adapt_error(status));
  exit(1);
}

/* All of a file; malloc's memory begins at a multiple of 8, as a model's must. */
static void* read_file(const char* path, size_t* bytes) {
  FILE* const file = fopen(path, "rb");
  long size;
  void* memory;
  if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0 || fseek(file, 0, SEEK_SET) != 0) {
    fprintf(stderr, "%s: cannot be read\n", path);
    exit(1);
  }
  memory = check(malloc(size > 0 ? (size_t)size : 1), path);
  *bytes = fread(memory, 1, (size_t)size, file);
  fclose(file);
  return memory;
}

/* How many rows of so many floats these bytes are. */
static size_t whole_rows(size_t bytes, size_t of_row, const char* path) {
  const size_t row_bytes = of_row * sizeof(float);
  if (bytes % row_bytes != 0) {
    fprintf(stderr, "%s: has %lu bytes, but must have rows of %lu floats\n", path, (unsigned long)bytes,
            (unsigned long)of_row);
    exit(1);
  }
  return bytes / row_bytes;
}

int main(int argc, char** argv) {
  maml_adapt_model model;
  maml_adapt* context;
  void *file, *arena;
  float *support = NULL, *query, *x = NULL, *y = NULL, *outputs;
  size_t file_bytes, bytes, arena_bytes, rows = 0, queries, row, i, of_row;

  if (maml_adapt_abi() != MAML_ADAPT_ABI) {
    fprintf(stderr, "adapt_c: library has ABI %lu, header %d: rebuild\n", (unsigned long)maml_adapt_abi(),
            MAML_ADAPT_ABI);
    return 1;
  }
  if (argc < 4) {
    fprintf(stderr, "usage: adapt_c MODEL SUPPORT|- QUERY [ADAPTED]\n");
    return 2;
  }
  file = read_file(argv[1], &file_bytes);
  must(maml_adapt_describe(file, file_bytes, &model), argv[1]);
  if (model.terms != NULL) fprintf(stderr, "%s\n", model.terms);

  of_row = model.inputs + model.targets;
  if (strcmp(argv[2], "-") != 0) {
    support = read_file(argv[2], &bytes);
    rows = whole_rows(bytes, of_row, argv[2]);
    x = check(malloc(rows * model.inputs * sizeof(float) + 1), argv[2]);
    y = check(malloc(rows * model.targets * sizeof(float) + 1), argv[2]);
    for (row = 0; row < rows; ++row) {
      memcpy(x + row * model.inputs, support + row * of_row, model.inputs * sizeof(float));
      memcpy(y + row * model.targets, support + row * of_row + model.inputs, model.targets * sizeof(float));
    }
  }
  query = read_file(argv[3], &bytes);
  queries = whole_rows(bytes, model.inputs, argv[3]);

  must(maml_adapt_arena_bytes(file, file_bytes, rows, queries, &arena_bytes), argv[1]);
  arena = check(malloc(arena_bytes), "arena");
  must(maml_adapt_create(file, file_bytes, rows, queries, arena, arena_bytes, &context), argv[1]);
  fprintf(stderr, "arena: %lu bytes\n", (unsigned long)arena_bytes);
  if (support != NULL) must(maml_adapt_run(context, x, y, rows, MAML_ADAPT_TRAINED_STEPS), argv[2]);

  outputs = check(malloc(queries * model.outputs * sizeof(float) + 1), argv[3]);
  must(maml_adapt_predict(context, query, queries, outputs), argv[3]);
  for (row = 0; row < queries; ++row)
    for (i = 0; i < model.outputs; ++i)
      printf("%.9g%c", (double)outputs[row * model.outputs + i], i + 1 < model.outputs ? ' ' : '\n');

  if (argc > 4) {
    FILE* const kept = fopen(argv[4], "wb");
    void* saved;
    must(maml_adapt_saved_bytes(context, &bytes), argv[4]);
    saved = check(malloc(bytes), argv[4]);
    must(maml_adapt_save(context, saved, bytes), argv[4]);
    if (kept == NULL || fwrite(saved, 1, bytes, kept) != bytes || fclose(kept) != 0) {
      fprintf(stderr, "%s: cannot be written\n", argv[4]);
      exit(1);
    }
    free(saved);
  }
  free(outputs);
  free(query);
  free(x);
  free(y);
  free(support);
  free(arena);
  free(file);
  return 0;
}
