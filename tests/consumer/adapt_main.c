/* What a program of one's own does with the small library: consumer MODEL, a classifier of pictures of 28 x 28 pixels,
   tells five drawings apart after it has seen each once. */
#include <maml_adapt.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 28, PIXELS = SIZE * SIZE, CLASSES = 5 };

static void must(int is_so, const char* what) {
  if (is_so) return;
  fprintf(stderr, "consumer: %s\n", what);
  exit(1);
}
static void must_be_ok(int status) {
  must(status == MAML_ADAPT_OK, maml_adapt_error(status));
}

/* All of a file, in memory from malloc. */
static void* read_file(const char* path, size_t* bytes) {
  enum { MOST = 1 << 24 };
  FILE* const file = fopen(path, "rb");
  void* const memory = malloc(MOST);
  must(file != NULL && memory != NULL, "the model cannot be read");
  *bytes = fread(memory, 1, MOST, file);
  fclose(file);
  return memory;
}

static int is_ink(int kind, int row, int column) {
  switch (kind) {
  case 0:
    return abs(row - 14) < 2 && abs(column - 14) < 10; /* a line across */
  case 1:
    return abs(column - 14) < 2 && abs(row - 14) < 10; /* one down */
  case 2:
    return abs(row - column) < 2 && abs(row - 14) < 10; /* a slanting one */
  case 3:
    return (abs(row - 14) < 2 || abs(column - 14) < 2) && abs(row - 14) < 10 && abs(column - 14) < 10; /* a cross */
  default:
    return abs(row - 14) < 10 && abs(column - 14) < 10 && (abs(row - 14) > 7 || abs(column - 14) > 7); /* a frame */
  }
}

/* A picture of each kind, so many pixels further down and to the right. */
static void draw(int shift, float* x) {
  int kind, row, column;
  for (kind = 0; kind < CLASSES; ++kind)
    for (row = 0; row < SIZE; ++row)
      for (column = 0; column < SIZE; ++column) *x++ = is_ink(kind, row - shift, column - shift) ? 1.0f : 0.0f;
}

/* A context in an arena of its own, that adapts to a picture of each kind at most, and predicts three at once. */
static maml_adapt* context_of(const void* file, size_t bytes) {
  size_t arena_bytes;
  void* arena;
  maml_adapt* context;
  must_be_ok(maml_adapt_arena_bytes(file, bytes, CLASSES, 3, &arena_bytes));
  arena = malloc(arena_bytes);
  must(arena != NULL, "there is not enough memory");
  must_be_ok(maml_adapt_create(file, bytes, CLASSES, 3, arena, arena_bytes, &context));
  return context;
}

static int likeliest(const float* outputs) {
  int best = 0, i;
  for (i = 1; i < CLASSES; ++i)
    if (outputs[i] > outputs[best]) best = i;
  return best;
}

int main(int argc, char** argv) {
  static float support[CLASSES * PIXELS], query[CLASSES * PIXELS];
  /* Not in the drawings' order, so that what a class is comes from here alone. */
  const float labels[CLASSES] = {3, 0, 4, 1, 2};
  float outputs[CLASSES * CLASSES], again[CLASSES * CLASSES];
  const char text[] = "no model at all";
  maml_adapt_model model;
  maml_adapt *context, *kept;
  void *file, *saved;
  size_t bytes, saved_bytes;
  int i;

  must(argc == 2, "name a model file");
  must(maml_adapt_abi() == MAML_ADAPT_ABI, "the library is of another ABI than its header");
  must(maml_adapt_describe(text, sizeof(text), &model) == MAML_ADAPT_NOT_A_MODEL, "it takes any text for a model");

  file = read_file(argv[1], &bytes);
  must_be_ok(maml_adapt_describe(file, bytes, &model));
  must(model.inputs == PIXELS && model.outputs == CLASSES && model.is_classifier, "it is another model");
  draw(0, support);
  draw(1, query);
  context = context_of(file, bytes);
  must(maml_adapt_predict(context, query, CLASSES, outputs) == MAML_ADAPT_NOT_ADAPTED, "it predicts before it adapts");
  must_be_ok(maml_adapt_run(context, support, labels, CLASSES, MAML_ADAPT_TRAINED_STEPS));
  must(maml_adapt_classes(context) == CLASSES, "it has other classes");
  must_be_ok(maml_adapt_predict(context, query, CLASSES, outputs));
  for (i = 0; i < CLASSES; ++i) {
    const float* const row = outputs + i * CLASSES;
    printf("drawing %d of class %d: %d (%.4f %.4f %.4f %.4f %.4f)\n", i, (int)labels[i], likeliest(row),
           (double)row[0], (double)row[1], (double)row[2], (double)row[3], (double)row[4]);
    must(likeliest(row) == (int)labels[i], "it does not tell the drawings apart");
  }

  must_be_ok(maml_adapt_saved_bytes(context, &saved_bytes));
  saved = malloc(saved_bytes);
  must(saved != NULL, "there is not enough memory");
  must_be_ok(maml_adapt_save(context, saved, saved_bytes));
  kept = context_of(saved, saved_bytes);
  must_be_ok(maml_adapt_predict(kept, query, CLASSES, again));
  must(memcmp(outputs, again, sizeof(outputs)) == 0, "what it keeps predicts something else");
  return 0;
}
