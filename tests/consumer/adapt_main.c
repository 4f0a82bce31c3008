/* What a program of one's own does with the small library, as far as one goes without a model file. */
#include <maml_adapt.h>

#include <stdio.h>
#include <string.h>

int main(void) {
  const char text[] = "no model at all";
  maml_adapt_model model;
  const int status = maml_adapt_describe(text, sizeof(text), &model);
  printf("ABI %u: %s\n", (unsigned)maml_adapt_abi(), maml_adapt_error(status));
  return maml_adapt_abi() == MAML_ADAPT_ABI && status == MAML_ADAPT_NOT_A_MODEL ? 0 : 1;
}
